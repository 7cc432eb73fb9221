// A picture that grows: margins around it to paint, and the mask that says so.
#pragma once

#include "base/status.h"
#include "pipeline/request.h"

namespace ipa {

bool has_margins(const GenerateRequest& request);

// The request with a larger picture, to whose margins the pixels at the edges are repeated, and a mask that is white there;
// in the request's width and height, which the picture and its margins have together.
// invalid_option without a picture or with a mask. A picture without pixels stays without.
Result<GenerateRequest> with_margins(const GenerateRequest& request);

// An error of that request, about outpaint where it is about the size or the mask that were made of it.
Status of_margins(const Status& error);

}  // namespace ipa
