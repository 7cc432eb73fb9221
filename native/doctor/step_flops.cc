#include "doctor/step_flops.h"

namespace ipa {

double step_flops(const Step& step) {
  const auto rows = static_cast<double>(step.out_shape.rows()), columns = static_cast<double>(step.out_shape.c);
  const Node& node = *step.node;
  switch (node.op) {
    case Op::linear: return 2 * rows * columns * static_cast<double>(step.input_shapes[0].c);
    case Op::geglu_linear: return 4 * rows * columns * static_cast<double>(step.input_shapes[0].c);
    case Op::conv2d:
      return 2 * rows * columns * static_cast<double>(step.input_shapes[0].c) * node.conv.kernel_h *
             node.conv.kernel_w;
    case Op::attention: {
      double tokens = 0;
      for (const size_t part : attention_parts(step.input_shapes.size()))
        tokens += static_cast<double>(step.input_shapes[part].rows_per_item());
      return 4 * rows * columns * tokens;
    }
    default: return 0;
  }
}

}  // namespace ipa
