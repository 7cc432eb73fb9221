// Pictures to what an adapter's image projection reads.
#pragma once

#include <memory>
#include <vector>

#include "base/status.h"
#include "graph/program.h"
#include "pipeline/call.h"
#include "pipeline/memory_count.h"
#include "pipeline/request.h"

namespace ipa {

// An adapter's image encoder, run for one picture after another. It gives either a picture's image embedding
// (base adapters) or its penultimate hidden states, class token included (plus, full, faceid_plus).
class ImageEncoder {
 public:
  // Models and adapter outlive it. not_found without an image encoder.
  static Result<std::unique_ptr<ImageEncoder>> plan(const ModelSet& models, const Adapter& adapter);
  // Numbers it gives for a picture.
  size_t size() const { return static_cast<size_t>(program_->shape(output_).elements()); }
  void count(MemoryCount& memory) const { memory.passing(*program_); }
  Result<std::vector<float>> encode(const Call& call, const ImagePrompt& image);
  // For all-zero pixel values, which stand in for the picture in the negative branch of all but base adapters,
  // as in the reference implementations.
  Result<std::vector<float>> encode_nothing(const Call& call);

 private:
  explicit ImageEncoder(const Adapter& adapter) : adapter_(adapter) {}
  Result<std::vector<float>> remembered(const Call& call, std::vector<uint8_t> rgb);
  Result<std::vector<float>> run(const Call& call, const std::vector<uint8_t>& rgb);

  const Adapter& adapter_;
  std::unique_ptr<Program> program_;
  Value pixels_, output_;
};

}  // namespace ipa
