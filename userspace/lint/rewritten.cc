#include "userspace/lint/rewritten.h"

#include <map>

namespace vfm::lint {
namespace {

/// Files as they are, but for those of a program that have another text now.
class EditedFiles : public lisp::Files {
  public:
    EditedFiles(lisp::Files* files, std::map<std::string, std::string> texts)
        : files_(files), texts_(std::move(texts)) {}

    Result<lisp::OpenedFile> open(const std::string& path, const std::string& from,
                                  size_t limit) override {
        lisp::OpenedFile opened = TRY(files_->open(path, from, limit));
        if (const auto edited = texts_.find(opened.name); edited != texts_.end())
            opened.text = edited->second;
        return opened;
    }
    std::string identity(const std::string& name) override { return files_->identity(name); }

  private:
    lisp::Files* files_;
    std::map<std::string, std::string> texts_;
};

}  // namespace

std::optional<lisp::Tree> rewritten(const lisp::Tree& tree, lisp::Files* files,
                                    const NewWord& word) {
    // By file, from its end on; what a definition holds stands in the tree once a use.
    std::map<uint32_t, std::map<uint32_t, std::pair<uint32_t, std::string>, std::greater<>>> edits;
    for (const lisp::Expr& expr : tree.exprs)
        if (auto text = word(expr))
            edits[expr.place.file][expr.place.span.begin] = {expr.place.span.end, std::move(*text)};
    if (edits.empty()) return std::nullopt;
    std::map<std::string, std::string> texts;
    for (const auto& [file, words] : edits) {
        std::string text(tree.sources->file(file)->text());
        for (const auto& [begin, edit] : words)
            text.replace(begin, edit.first - begin, edit.second);
        texts[tree.sources->file(file)->name()] = std::move(text);
    }
    const SourceFile& main = *tree.sources->file(0);
    const auto changed = texts.find(main.name());
    const auto source = std::make_shared<const SourceFile>(
        main.name(), changed == texts.end() ? std::string(main.text()) : changed->second);
    EditedFiles edited(files, std::move(texts));
    auto analysed = lisp::analyse(source, files ? &edited : nullptr);
    if (!analysed) return std::nullopt;
    return std::move(analysed->tree);
}

}  // namespace vfm::lint
