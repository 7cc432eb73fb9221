// Accounts for all tensors of a file: a network reads what stands under its prefix, or its file is refused.
// A tensor left unread would be a part of the network that is missing from the picture.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "weights/ignored_tensors.h"
#include "weights/tensor_source.h"

namespace ipa {

enum class NetworkKind { unet, vae, text_encoder, image_encoder, controlnet, t2i_adapter };
const char* network_name(NetworkKind kind);  // "the UNet"

// Where in a file a network's tensors stand.
struct NetworkScope {
  NetworkKind kind = NetworkKind::unet;
  std::string prefix;  // "" when they have none: then everything is the network's but what `elsewhere` is
  // Beginnings of names inside that belong to another network.
  std::vector<std::string> others = {};
  // Beginnings of names, behind the prefix, of layers that are known to be without use.
  std::vector<std::string> unused = {};

  bool owns(std::string_view name) const;
};

// Code::unsupported, naming the first tensor of the network that is neither among `read` nor knowingly left out
// (tables in accounting.cc).
Status account_for(const TensorSource& file, const std::unordered_set<std::string>& read,
                   const NetworkScope& scope);

// What no scope owns and no table knows; it is skipped.
IgnoredTensors ignored_tensors(const TensorSource& file, const std::vector<NetworkScope>& scopes);

}  // namespace ipa
