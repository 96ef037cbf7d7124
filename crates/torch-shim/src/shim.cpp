// Functions of libtorch that tch lacks, with C's calling convention. Each returns null, or the message of an exception, which the
// caller frees with shim_free. Only headers that exist without CUDA are used: the generic interfaces reach the GPU too.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <string>

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>

namespace {

template <class Work>
char* guarded(const Work& work) noexcept {
  try {
    work();
    return nullptr;
  } catch (const c10::Error& error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an exception without a message");
  }
}

// Collects the operations that libtorch computes without a deterministic algorithm; it says so in warnings.
class Recorder : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    const std::string& text = warning.msg();
    const auto end = text.find(" does not have a deterministic implementation");
    if (end != std::string::npos) {
      add(text.substr(0, end));
    } else if (text.find("CUBLAS_WORKSPACE_CONFIG") != std::string::npos) {
      add("cuBLAS without CUBLAS_WORKSPACE_CONFIG");
    } else {
      c10::WarningHandler::process(warning);
    }
  }

  std::string names() {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::string lines;
    for (const auto& name : names_) {
      lines += name + "\n";
    }
    return lines;
  }

 private:
  void add(const std::string& name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    names_.insert(name);
  }

  std::mutex mutex_;
  std::set<std::string> names_;
};

Recorder& recorder() {
  static Recorder only;
  return only;
}

// A negative index is the CPU.
c10::Device device_of(int index) {
  return index < 0 ? c10::Device(c10::kCPU) : c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

c10::DeviceAllocator* gpu_allocator() {
  return c10::getDeviceAllocator(c10::kCUDA);
}

} // namespace

extern "C" {

void shim_free(char* text) {
  std::free(text);
}

char* shim_set_deterministic(bool on) {
  return guarded([&] {
    auto& context = at::globalContext();
    context.setDeterministicAlgorithms(on, /*warn_only=*/true);
    context.setDeterministicCuDNN(on);
    context.setBenchmarkCuDNN(false);
    // Filling new tensors with NaN only finds errors, and costs time.
    context.setDeterministicFillUninitializedMemory(false);
    c10::WarningUtils::set_warning_handler(on ? &recorder() : nullptr);
  });
}

char* shim_nondeterministic(char** names) {
  return guarded([&] { *names = strdup(recorder().names().c_str()); });
}

char* shim_set_tf32(bool on) {
  return guarded([&] {
    const auto precision = on ? at::Float32Precision::TF32 : at::Float32Precision::IEEE;
    for (const auto op : {at::Float32Op::MATMUL, at::Float32Op::CONV, at::Float32Op::RNN}) {
      at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, op, precision);
    }
  });
}

char* shim_tf32(bool* on) {
  return guarded([&] {
    *on = false;
    for (const auto op : {at::Float32Op::MATMUL, at::Float32Op::CONV, at::Float32Op::RNN}) {
      *on |= at::globalContext().float32Precision(at::Float32Backend::CUDA, op) == at::Float32Precision::TF32;
    }
  });
}

char* shim_generator_state(int device, at::Tensor** state) {
  return guarded([&] {
    auto generator = at::globalContext().defaultGenerator(device_of(device));
    const std::lock_guard<std::mutex> lock(generator.mutex());
    *state = new at::Tensor(generator.get_state());
  });
}

char* shim_set_generator_state(int device, const at::Tensor* state) {
  return guarded([&] {
    auto generator = at::globalContext().defaultGenerator(device_of(device));
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(*state);
  });
}

// Allocated now and at most, reserved now and at most, in bytes.
char* shim_gpu_memory(int device, std::uint64_t* bytes) {
  return guarded([&] {
    const auto stats = gpu_allocator()->getDeviceStats(static_cast<c10::DeviceIndex>(device));
    const auto all = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    bytes[0] = static_cast<std::uint64_t>(stats.allocated_bytes[all].current);
    bytes[1] = static_cast<std::uint64_t>(stats.allocated_bytes[all].peak);
    bytes[2] = static_cast<std::uint64_t>(stats.reserved_bytes[all].current);
    bytes[3] = static_cast<std::uint64_t>(stats.reserved_bytes[all].peak);
  });
}

char* shim_reset_gpu_peak(int device) {
  return guarded([&] { gpu_allocator()->resetPeakStats(static_cast<c10::DeviceIndex>(device)); });
}

char* shim_empty_gpu_cache() {
  return guarded([&] { gpu_allocator()->emptyCache(); });
}

} // extern "C"
