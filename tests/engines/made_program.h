// A program of an engine that only tests have: its instances are what a function gives.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/run/program.h"

namespace vfm::test {

class MadeProgram final : public Program {
  public:
    using Make = std::function<Result<std::unique_ptr<Instance>>(const InstanceOptions& options)>;

    MadeProgram(const VerifiedModule& program, std::string name, Make make)
        : Program(program), name_(std::move(name)), make_(std::move(make)) {}

    static std::shared_ptr<const Program> of(const VerifiedModule& program, std::string name,
                                             Make make) {
        return std::make_shared<const MadeProgram>(program, std::move(name), std::move(make));
    }

    std::string_view name() const override { return name_; }

  private:
    Result<std::unique_ptr<Instance>> make_instance(const InstanceOptions& options) const override {
        return make_(options);
    }

    std::string name_;
    Make make_;
};

}  // namespace vfm::test
