// What a user is told of a plugin, a driver and a GPU that do not work, and that ones that work are taken.
#include <fstream>

#include "cuda/loader/plugin_library.h"
#include "cuda/loader/probe.h"
#include "cuda/loader/use_plugin.h"
#include "cuda_fake_gpu.h"
#include "harness.h"

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace {

using ipa::Code;
using ipa::Status;
using ipa::gpu::GpuProbe;
using ipa_test::fake_gpu;
using ipa_test::fake_gpu_api;

void reset_gpu() {
  fake_gpu() = {};
  fake_gpu().add_device("Fake T4", 7, 5);
}

GpuProbe probe() {
  GpuProbe found = ipa::gpu::probe_gpus(fake_gpu_api());
  CHECK_EQ(fake_gpu().held, 0);
  return found;
}

void check_says(const Status& status, Code code, std::initializer_list<const char*> parts) {
  CHECK_EQ(status.code(), code);
  for (const char* part : parts)
    if (status.message().find(part) == std::string::npos)
      ipa_test::fail(__FILE__, __LINE__, "\"" + status.message() + "\" does not say \"" + part + "\"");
}

const GpuApi* answer_of(int32_t abi, const GpuApi* current, const GpuApi* any) {
  return abi == IPA_GPU_ABI ? current : abi == 0 ? any : nullptr;
}

GpuApi changed(void (*change)(GpuApi&)) {
  GpuApi table = fake_gpu_api();
  change(table);
  return table;
}

}  // namespace

TEST_ONCE(cuda_loader_probe_takes_a_gpu_that_works) {
  reset_gpu();
  const GpuProbe found = probe();
  CHECK_OK(found.status);
  CHECK_EQ(found.versions.driver, 13010);
  CHECK_EQ(found.devices.size(), 1u);
  CHECK_EQ(std::string(found.devices.at(0).info.name), "Fake T4");
  CHECK_OK(found.devices.at(0).problem);
}

TEST_ONCE(cuda_loader_probe_says_what_is_wrong_with_the_driver) {
  reset_gpu();
  fake_gpu().versions.driver = 0;
  check_says(probe().status, Code::device, {"no NVIDIA driver", "install", "r580", "\"cpu\""});
  fake_gpu().versions.driver = 12040;
  check_says(probe().status, Code::device, {"too old", "12.4", "13.0", "r580"});
  // Its version is fine, but it does not answer, or says that it is too old for code it was given.
  fake_gpu().versions.driver = 13000;
  fake_gpu().failures["device_count"] = gpu_no_driver;
  check_says(probe().status, Code::device, {"does not answer", "13.0", "device_count was told to fail"});
  fake_gpu().failures["device_count"] = gpu_driver_too_old;
  check_says(probe().status, Code::device, {"refuses", "13.0", "r580"});
}

TEST_ONCE(cuda_loader_probe_says_that_there_is_no_gpu) {
  reset_gpu();
  fake_gpu().devices.clear();
  check_says(probe().status, Code::device, {"sees no GPU", "nvidia-smi", "CUDA_VISIBLE_DEVICES", "--gpus"});
  fake_gpu().failures["device_count"] = gpu_no_device;
  check_says(probe().status, Code::device, {"sees no GPU"});
}

TEST_ONCE(cuda_loader_probe_refuses_an_old_gpu_and_takes_the_one_beside_it) {
  reset_gpu();
  fake_gpu().devices.clear();
  fake_gpu().add_device("Fake GTX 1080", 6, 1);
  fake_gpu().add_device("Fake TITAN V", 7, 0);
  check_says(probe().status, Code::device, {"cuda:0", "Fake GTX 1080", "6.1", "7.5"});
  fake_gpu().add_device("Fake H100", 9, 0);
  const GpuProbe found = probe();
  CHECK_OK(found.status);
  check_says(found.devices.at(0).problem, Code::device, {"6.1", "7.5"});
  check_says(found.devices.at(1).problem, Code::device, {"cuda:1", "7.0", "7.5"});
  CHECK_OK(found.devices.at(2).problem);
  // A plugin for fewer GPUs learns it from the launch.
  fake_gpu().failures["launch"] = gpu_old_architecture;
  check_says(probe().devices.at(2).problem, Code::device, {"cuda:2", "9.0", "no code"});
}

TEST_ONCE(cuda_loader_probe_says_which_memory_is_short) {
  reset_gpu();
  fake_gpu().failures["take"] = gpu_no_memory;
  check_says(probe().status, Code::no_memory, {"cuda:0", "1 MiB", "3 of its 8192 MiB", "end other programs"});
  // Without a driver that can say how much there is.
  fake_gpu().failures["memory"] = gpu_failed;
  check_says(probe().status, Code::no_memory, {"1 MiB", "end other programs"});
}

TEST_ONCE(cuda_loader_probe_says_that_a_gpu_was_lost) {
  reset_gpu();
  fake_gpu().failures["event_wait"] = gpu_lost;
  check_says(probe().status, Code::device_lost,
             {"cuda:0", "Fake T4", "lost", "start the process anew", "event_wait was told to fail"});
}

TEST_ONCE(cuda_loader_probe_gives_all_back_wherever_it_fails) {
  for (const std::string& function : ipa_test::fallible_gpu_functions())
    for (const GpuResult result : {gpu_no_memory, gpu_lost, gpu_failed}) {
      reset_gpu();
      fake_gpu().failures[function] = result;
      const Status status = probe().status;
      CHECK(!status.ok());
      CHECK_EQ(status.code() == Code::no_memory, result == gpu_no_memory);
      check_says(status, status.code(), {(function + " was told to fail").c_str()});
    }
}

TEST_ONCE(cuda_loader_probe_finds_results_that_are_wrong) {
  for (const char* function : {"copy_in", "fill_zero", "launch", "copy_out"}) {
    reset_gpu();
    fake_gpu().idle = function;
    check_says(probe().status, Code::device, {"cuda:0", "wrong results", "update the driver"});
  }
}

TEST_ONCE(cuda_loader_takes_the_table_of_its_own_version_alone) {
  static const GpuApi newer = changed([](GpuApi& table) { table.abi = IPA_GPU_ABI + 1; });
  static const GpuApi longer = changed([](GpuApi& table) { table.table_bytes += 8; });
  static const GpuApi partial = changed([](GpuApi& table) { table.event_seconds = nullptr; });
  const auto status_of = [](GpuApiOf exported) { return ipa::gpu::table_of(exported).status(); };

  const auto fitting =
      ipa::gpu::table_of([](int32_t abi) { return answer_of(abi, &fake_gpu_api(), &fake_gpu_api()); });
  CHECK_OK(fitting);
  CHECK(fitting.ok() && fitting.value() == &fake_gpu_api());
  // Its own version, the engine's, and what to install.
  const std::string theirs = "version " + std::to_string(IPA_GPU_ABI + 1);
  const std::string ours = "needs version " + std::to_string(IPA_GPU_ABI);
  check_says(status_of([](int32_t abi) { return answer_of(abi, nullptr, &newer); }), Code::device,
             {theirs.c_str(), ours.c_str(), "install", "node-ip-adapter-cuda-linux-x64"});
  check_says(status_of([](int32_t abi) { return answer_of(abi, &newer, &newer); }), Code::device,
             {theirs.c_str(), ours.c_str()});
  check_says(status_of([](int32_t) -> const GpuApi* { return nullptr; }), Code::device, {ours.c_str()});
  check_says(status_of([](int32_t abi) { return answer_of(abi, &longer, &longer); }), Code::device,
             {std::to_string(sizeof(GpuApi)).c_str(), std::to_string(sizeof(GpuApi) + 8).c_str(), "install"});
  check_says(status_of([](int32_t abi) { return answer_of(abi, &partial, &partial); }), Code::device,
             {"functions missing", "install"});
}

TEST_ONCE(cuda_loader_refuses_files_that_are_no_plugin) {
  const std::string folder = ipa_test::scratch_folder();
  const std::string text = folder + "/plugin.so";
  std::ofstream(text) << "no library";
  check_says(ipa::gpu::open_plugin(folder + "/none.so").status(), Code::not_found, {"none.so", "no such file"});
  check_says(ipa::gpu::open_plugin(folder).status(), Code::not_found, {"no such file"});
  check_says(ipa::gpu::open_plugin(text).status(), Code::device, {"plugin.so", "does not load"});
#ifndef _WIN32
  // A library of the system, by its own path.
  Dl_info info = {};
  if (dladdr(reinterpret_cast<void*>(&dlopen), &info) && info.dli_fname && info.dli_fname[0] == '/')
    check_says(ipa::gpu::open_plugin(info.dli_fname).status(), Code::device,
               {info.dli_fname, "no plugin", "ipa_gpu_api"});
#endif
  CHECK(!ipa::gpu::use_plugin(text).ok());
  CHECK(ipa::gpu::used_plugin() == nullptr);
}
