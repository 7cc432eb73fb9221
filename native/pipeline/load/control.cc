#include "pipeline/load/control.h"

#include <utility>

#include "pipeline/load/controlnet.h"
#include "pipeline/load/t2i_adapter.h"
#include "weights/describe/misplaced_file.h"
#include "weights/describe/other_families.h"

namespace ipa {

Result<std::shared_ptr<const LoadedControl>> load_control(const ControlRequest& request,
                                                          const ControlHost& host, const LoadContext& context) {
  ControlKind kind = ControlKind::controlnet;
  {
    IPA_ASSIGN(const std::unique_ptr<TensorSource> source, open_control(request.file));
    Result<ControlKind> found = control_kind(*source);
    if (!found.ok()) {
      IPA_TRY(refuse_other_family(*source));
      return or_misplaced(found.take_status(), *source, "ControlNet", "controls");
    }
    kind = found.value();
  }
  std::shared_ptr<LoadedControl> control;
  if (kind == ControlKind::t2i_adapter) {
    IPA_ASSIGN(control, load_t2i_adapter(request, host, context));
  } else {
    IPA_ASSIGN(control, load_controlnet(request, host, context));
  }
  control->request = request;
  control->kind = kind;
  return std::shared_ptr<const LoadedControl>(std::move(control));
}

}  // namespace ipa
