#include "tests/harness/random_lisp.h"

#include "core/lisp/forms.h"

namespace vfm::test {
namespace {

class Generator {
  public:
    explicit Generator(Rng& rng) : rng_(rng) {}

    std::string run() {
        expression(rng_.one_in(10) ? 9 : 4);
        return std::move(text_);
    }

  private:
    void expression(unsigned depth) {
        // A text that has grown long ends soon, whatever its depth.
        if (depth == 0 || text_.size() > 3000 || rng_.one_in(4))
            atom();
        else
            form(depth);
    }

    void atom() {
        if (!rng_.one_in(3)) {
            text_ += rng_.pick(lisp::field_names());
            return;
        }
        switch (rng_.below(6)) {
            case 0:
                text_ += std::to_string(rng_.next());
                break;
            case 1:
                text_ += "-" + std::to_string(rng_.below(70000));
                break;
            case 2:
                text_ += "10.0.0." + std::to_string(rng_.below(4));
                break;
            case 3:
                text_ += rng_.pick<const char*>({"0x800", "0xffffffff", "0x7fffffff"});
                break;
            case 4:
                text_ += rng_.pick<const char*>({"6", "17", "80", "443", "64", "63"});
                break;
            default:
                text_ += std::to_string(rng_.below(3));
                break;
        }
    }

    void form(unsigned depth) {
        const lisp::FormInfo& info = rng_.pick(lisp::all_forms());
        // A module has 64 tables at most.
        if (info.kind == lisp::FormKind::count && counts_++ > 40) return atom();
        uint64_t count = info.min;
        if (info.max > info.min && rng_.one_in(3)) count += rng_.below(3);
        text_ += "(";
        text_ += info.name;
        for (; count > 0; --count) {
            text_ += rng_.one_in(30) ? "\n  " : " ";
            expression(depth - 1);
        }
        text_ += ")";
    }

    Rng& rng_;
    std::string text_;
    unsigned counts_ = 0;
};

}  // namespace

std::string random_lisp(Rng& rng) { return Generator(rng).run(); }

}  // namespace vfm::test
