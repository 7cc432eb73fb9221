// Pipeline cases of test/golden as requests, for tests that run whole generations.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "golden_case.h"
#include "pipeline/condition/text_features.h"
#include "pipeline/generate.h"
#include "pipeline/load/model_set.h"
#include "pipeline/request.h"

namespace ipa_test {

// The request, for the device and type that the tests run on.
ipa::LoadRequest on_test_device(ipa::LoadRequest request);

// Loads a folder of test/golden/models with adapter files of it ("adapters/base.safetensors"),
// on `threads` threads. A failed test and nullptr when that goes wrong.
std::unique_ptr<ipa::ModelSet> load_golden_models(const std::string& folder,
                                                  const std::vector<std::string>& adapters, int threads = 2);

// The same of any request.
std::unique_ptr<ipa::ModelSet> load_golden_models(ipa::LoadRequest request, int threads = 2);

// A call with no others before it.
ipa::Result<ipa::GenerateResult> generate(const ipa::ModelSet& models, const ipa::GenerateRequest& request,
                                          const ipa::ProgressFunction& progress, const ipa::CancelFlag* cancel);

// That a call holds before its first step what was counted when it was planned.
void check_begin_bytes(const ipa::ModelSet& models, const ipa::GenerateRequest& request);

// What the UNet reads of one prompt.
ipa::Result<ipa::TextFeatures> encode_prompt(const ipa::ModelSet& models,
                                             const std::vector<ipa::TokenChunks>& prompt);

// A committed picture by its path below test/golden ("images/square-64.png").
ipa::ImagePrompt golden_picture(const std::string& path);

// Adapter files of a case, in its order.
std::vector<std::string> adapter_files(const ipa::Json& entry);

// The request of a case, for a model set loaded with adapter_files(entry).
ipa::GenerateRequest golden_request(const GoldenFolder& folder, const ipa::Json& entry);

// The request of the case `name` of a model, without its adapters. A failed test and an empty one when there is none.
ipa::GenerateRequest plain_request(const std::string& model, const std::string& name);

// A committed picture to change, or a mask.
ipa::Picture picture_of(const std::string& path);

// A control that is used at half strength, with a committed picture.
ipa::ControlUse control_use(int control, const std::string& mode = "");

// A case by its name, nullptr with a failed test when there is none.
const ipa::Json* find_case(const GoldenFolder& folder, const std::string& network, const std::string& name);

}  // namespace ipa_test
