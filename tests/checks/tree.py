"""The files of the repository: what git tracks or would track, so that builds are left out."""
import subprocess
from pathlib import Path

def files(root):
    """Paths relative to `root`, with `/`, sorted."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"], capture_output=True)
    if listed.returncode == 0:
        names = listed.stdout.decode(errors="replace").split("\0")
    else:  # an unpacked archive
        names = [str(p.relative_to(root)) for p in Path(root).rglob("*")
                 if not any(part == ".git" or part.startswith("build") for part in p.parts)]
    return sorted({n for n in names if n and (Path(root) / n).is_file()})


def sources(root, suffixes):
    return [n for n in files(root) if Path(n).suffix in suffixes]
