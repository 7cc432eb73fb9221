#include "pipeline/sample/attention_maps.h"

#include <algorithm>
#include <string>

namespace ipa {
namespace {

constexpr int most_sources = 4096;

size_t count_sources(const GenerateRequest& request) {
  int last = -1;
  for (const ImageBranch& branch : request.branches)
    for (const ImagePrompt& image : branch.images) last = std::max(last, image.source);
  return static_cast<size_t>(last + 1);
}

}  // namespace

AttentionMaps::AttentionMaps(const MemorySpace& space, const GenerateRequest& request,
                             const Conditioning& conditioning)
    : space_(space), request_(request), conditioning_(conditioning), sources_(count_sources(request)) {}

std::unique_ptr<AttentionMaps> AttentionMaps::plan(const ModelSet& models, const GenerateRequest& request,
                                                   const Conditioning& conditioning) {
  if (request.attention_maps.empty()) return nullptr;
  std::unique_ptr<AttentionMaps> self(
      new AttentionMaps(models.backend(Part::unet).memory(), request, conditioning));
  const std::vector<CrossLayer>& layers = models.unet->network.cross_layers();
  self->layers_.resize(layers.size());
  self->places_.resize(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto& asked = request.attention_maps;
    if (std::find(asked.begin(), asked.end(), layers[i].module) != asked.end()) self->plan_layer(models, i);
  }
  for (Module& module : self->modules_)
    for (Track& track : module.tracks) {
      track.at = self->summed_;
      self->summed_ += track.columns * module.queries();
    }
  return self;
}

AttentionMaps::Module& AttentionMaps::module_of(const ModelSet& models, const CrossLayer& layer) {
  if (modules_.empty() || modules_.back().index != layer.module) {
    const UNet& unet = models.unet->network;
    const int64_t scale = models.vae->config().scale();
    Module module;
    module.index = layer.module;
    module.width = unet.side_at(layer.level, request_.width / scale);
    module.height = unet.side_at(layer.level, request_.height / scale);
    module.tracks.resize(1 + request_.regions.size() + request_.branches.size() + sources_);
    modules_.push_back(std::move(module));
  }
  return modules_.back();
}

// In the order of the attention's parts, see UNetProgram::describe_inputs().
void AttentionMaps::plan_layer(const ModelSet& models, size_t layer) {
  const Module& module = module_of(models, models.unet->network.cross_layers()[layer]);
  const size_t regions = request_.regions.size();
  layers_[layer].wanted = true;
  places_[layer].module = modules_.size() - 1;
  add_part(layer, 0, conditioning_.text().tokens);
  for (size_t b = 0; b < request_.branches.size(); ++b)
    if (conditioning_.scales().of_branch(b, layer) >= 0)
      add_part(layer, 1 + regions + b, conditioning_.images()[b].tokens);
  for (size_t r = 0; r < regions; ++r) add_part(layer, 1 + r, conditioning_.region(r).tokens);
  add_sources(layer);
  Place& place = places_[layer];
  for (const Columns& columns : place.columns) place.floats += columns.count * module.queries();
  place.at = mapped_;
  mapped_ += place.floats;
}

void AttentionMaps::add_part(size_t layer, size_t track, int64_t tokens) {
  Place& place = places_[layer];
  place.columns.push_back({track, static_cast<size_t>(tokens)});
  modules_[place.module].tracks[track].columns = static_cast<size_t>(tokens);
}

// All text is source 0. Those pictures that act in the layer's last item follow.
void AttentionMaps::add_sources(size_t layer) {
  std::vector<TokenSpan>& spans = layers_[layer].spans;
  Place& place = places_[layer];
  const size_t parts = place.columns.size(), regions = request_.regions.size();
  for (size_t part = 0; part < parts; ++part)
    if (place.columns[part].track <= regions)
      spans.push_back({0, static_cast<int>(part), 0, static_cast<int64_t>(place.columns[part].count)});
  int next = 1;
  for (size_t source = 0; source < sources_; ++source) {
    const size_t before = spans.size();
    for (size_t part = 0; part < parts; ++part) {
      if (place.columns[part].track <= regions) continue;
      const ImageBranch& branch = request_.branches[place.columns[part].track - regions - 1];
      if (branch.contrary) continue;
      // Pictures have as many tokens each, or all of them together.
      const auto pictures = static_cast<int64_t>(branch.combine == Combine::concat ? branch.images.size() : 1);
      const int64_t each = static_cast<int64_t>(place.columns[part].count) / pictures;
      for (size_t i = 0; i < branch.images.size(); ++i) {
        const bool again =
            pictures == 1 && spans.size() > before && spans.back().part == static_cast<int>(part);
        if (branch.images[i].source == static_cast<int>(source) && !again)
          spans.push_back(
              {next, static_cast<int>(part), pictures == 1 ? 0 : static_cast<int64_t>(i) * each, each});
      }
    }
    if (spans.size() == before) continue;
    ++next;
    add_part(layer, 1 + regions + request_.branches.size() + source, 1);
  }
}

size_t AttentionMaps::result_bytes() const {
  size_t floats = 0;
  for (const Module& module : modules_)
    for (const Track& track : module.tracks) floats += track.columns * module.queries();
  return floats * sizeof(float);
}

Status AttentionMaps::take(Workspace& workspace) {
  held_ = std::make_unique<Held>(workspace, bytes());
  maps_ = Memory(space_, mapped_ * sizeof(float));
  sums_ = AlignedBuffer(summed_ * sizeof(float));
  if (!maps_) return space_.no_memory(mapped_ * sizeof(float), "out of memory for attention maps");
  return sums_ ? Status() : Status(Code::no_memory, "out of memory for attention maps");
}

BoundView AttentionMaps::view(size_t layer) const {
  const Place& place = places_[layer];
  return maps_.view().part(place.at * sizeof(float), place.floats * sizeof(float));
}

void AttentionMaps::begin_picture() {
  std::fill_n(sums_.floats(), summed_, 0.0f);
  for (Module& module : modules_)
    for (Track& track : module.tracks) track.maps = 0;
}

void AttentionMaps::add(const std::vector<size_t>& layers) {
  std::vector<float> row;
  for (const size_t layer : layers) {
    const Place& place = places_[layer];
    Module& module = modules_[place.module];
    row.resize(place.floats / module.queries());
    const BoundView map = view(layer);
    for (size_t query = 0; query < module.queries(); ++query) {
      map.read(query * row.size() * sizeof(float), row.data(), row.size() * sizeof(float));
      const float* from = row.data();
      for (const Columns& columns : place.columns) {
        float* sums = sums_.floats() + module.tracks[columns.track].at + query * columns.count;
        for (size_t i = 0; i < columns.count; ++i) sums[i] += *from++;
      }
    }
    for (const Columns& columns : place.columns) ++module.tracks[columns.track].maps;
  }
}

std::vector<ModuleMaps> AttentionMaps::means() const {
  std::vector<ModuleMaps> result;
  for (const Module& module : modules_) {
    const auto mean = [&](size_t index) {
      const Track& track = module.tracks[index];
      const float* sums = sums_.floats() + track.at;
      std::vector<float> values(sums, sums + track.columns * module.queries());
      for (float& value : values) value /= static_cast<float>(std::max(1, track.maps));
      return values;
    };
    ModuleMaps maps;
    maps.module = module.index;
    maps.width = module.width;
    maps.height = module.height;
    size_t track = 0;
    maps.prompt = mean(track++);
    for (size_t i = 0; i < request_.regions.size(); ++i) maps.regions.push_back(mean(track++));
    for (size_t i = 0; i < request_.branches.size(); ++i) maps.branches.push_back(mean(track++));
    for (size_t i = 0; i < sources_; ++i) maps.sources.push_back(mean(track++));
    result.push_back(std::move(maps));
  }
  return result;
}

Status check_attention_maps(const ModelSet& models, const GenerateRequest& request) {
  if (request.attention_maps.empty()) return {};
  const auto modules = static_cast<int>(models.unet->network.attention_modules().size());
  int before = -1;
  for (const int module : request.attention_maps) {
    if (module <= before || module >= modules)
      return Status::option(
          "attentionMaps.layers",
          "expected ascending indices below " + std::to_string(modules) + ", the attentions of this UNet");
    before = module;
  }
  for (const ImageBranch& branch : request.branches)
    for (const ImagePrompt& image : branch.images)
      if (image.source >= most_sources) return Status::option("imagePrompts", "too many of them to be mapped");
  if (request.mask_crop >= 0)
    return Status::option("attentionMaps",
                          "with maskCrop a part of the picture is painted, which the maps would be "
                          "of: leave one of both out");
  return {};
}

}  // namespace ipa
