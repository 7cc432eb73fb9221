/**
 * What users of diffusers, AUTOMATIC1111, ComfyUI and OpenAI's API call our options: the message names ours. Keys are compared as
 * suggest.ts folds them, so that `num_inference_steps`, `numInferenceSteps` and `num-inference-steps` are one.
 */
import { describe } from "./describe";
import { deviceFix } from "./device-aliases";
import { LoadSchema } from "./load-schema";
import { fold } from "./suggest";
import { valueAlias } from "./value-aliases";

/** What to do instead, of the value and the name given where that matters; then the names, as they are written elsewhere, in one string. */
type Alias = [fix: string | ((value: unknown, key: string) => string), names: string];

const NOT_NEEDED = "nothing here needs it: leave it out";
const LORA_WEIGHT =
  "LoRAs have their weight where they are loaded: use loras: [{ file, weight }] in Pipeline.load(), or setLoras()";

const GENERATE: Alias[] = [
  ["use prompt", "text, inputs, positive, positive_prompt, caption, query"],
  ["use negativePrompt", "negative, neg_prompt, n_prompt, uncond, uncond_prompt"],
  [
    "use steps",
    "num_inference_steps, inference_steps, sampling_steps, num_steps, n_steps, sample_steps, ddim_steps, iterations",
  ],
  [
    "use guidance",
    "guidance_scale, cfg, cfg_scale, classifier_free_guidance, unconditional_guidance_scale, text_guidance_scale",
  ],
  ["use imageGuidance", "image_guidance_scale, image_cfg_scale, image_cfg"],
  ["use scheduler", "sampler, sampler_name, sampler_index, sampling_method, sample_method, scheduler_name"],
  ["use sigmas", "schedule_type, scheduler_type, sigma_schedule, noise_schedule, timestep_spacing"],
  ['use sigmas: "karras"', "use_karras_sigmas, karras, karras_sigmas"],
  ['use sigmas: "exponential"', "use_exponential_sigmas"],
  ['use sigmas: "beta"', "use_beta_sigmas"],
  [sizeFix, "size, resolution, dimensions, image_size, picture_size, output_size, aspect_ratio"],
  [
    "use count",
    "n, num_images, num_images_per_prompt, num_outputs, batch_size, batch_count, n_iter, n_samples, samples, number_of_images",
  ],
  ["use seed", "generator, manual_seed, random_seed, noise_seed, random_state, seeds, rng"],
  [
    "use imagePrompts: [{ image }]",
    "ip_adapter_image, image_prompt, pil_image, reference, reference_image, ref_image, style_image, image_reference, ip_image, input_images, references",
  ],
  ["use imagePrompts: [{ embeds }]", "ip_adapter_image_embeds, image_embeds, embeds, image_embeddings"],
  ["use imagePrompts: [{ faceEmbeds }]", "face_embeds, faceid_embeds, id_embeds"],
  [
    (value) =>
      `each picture has its own: use imagePrompts: [{ image, scale${typeof value === "number" ? `: ${String(value)}` : ""} }]`,
    "ip_adapter_scale, scale, image_prompt_scale, ip_scale, adapter_scale, image_scale",
  ],
  ["use image", "init_image, init_images, input_image, image_url, source_image, base_image, init_img, img"],
  ["use mask", "mask_image, mask_url, inpaint_mask, mask_img, masks"],
  ["use strength", "denoise, denoising_strength, image_strength, init_image_strength"],
  ["use denoisingStart", "start_at_step, high_noise_frac, switch_at, refiner_start, refiner_switch_at"],
  ["use denoisingEnd", "end_at_step"],
  ["use hires: { scale, strength }", "hires_fix, enable_hr, hr_scale, hr_second_pass, highres_fix"],
  [
    'use seamless: "both"',
    "tiling, tileable, seamless_tiling, seamless_tile, seamless_tileable, circular, make_seamless",
  ],
  ['use seamless: "x", "y" or "both"', "seamless_axes, tile_x, tile_y, tiling_x, tiling_y, circular_x, circular_y"],
  ["use variation: { seed, strength }", "subseed, subseed_strength, variation_seed, variation_strength"],
  ["use keepUnmasked", "overlay, apply_overlay"],
  ["use maskCrop", "padding_mask_crop, inpaint_full_res, inpaint_full_res_padding, inpaint_only_masked"],
  ["use maskFill", "fill, inpainting_fill, inpaint_fill, mask_content, masked_content"],
  ["use maskFeather", "mask_blur, blur_factor, feather"],
  ["use latents", "latent, latent_image, init_latents"],
  ["use clipSkip, which counts one less than AUTOMATIC1111", "clip_stop_at_last_layers, stop_at_clip_layer"],
  ["use cropOffset: [left, top]", "crops_coords_top_left, crop_coords, crop"],
  ["use eta", "eta_ddim, ddim_eta, noise_multiplier"],
  ["use guidanceInterval: [start, end]", "guidance_start, guidance_end, cfg_interval, cfg_start, cfg_end"],
  ["use tokenMerging", "tome, tome_ratio, token_merging_ratio"],
  ["use featureCache: { every }", "deep_cache, cache_interval"],
  [
    "use output, and images[i].toBuffer() or toFile() of the result",
    "output_type, output_format, response_format, return_type, format, image_format, quality, output_compression, save_images",
  ],
  ['use output: "latents"', "return_latents, latents_only"],
  ["use onStep", "callback_on_step_end, callback_on_step_end_tensor_inputs, on_step_end"],
  ["use onProgress", "callback, callback_steps, progress, progress_callback, step_callback, progress_bar, on_update"],
  [
    "use preview: { every }, and event.preview in onProgress",
    "partial_images, preview_steps, live_preview, stream, previews",
  ],
  ["use signal", "abort, abort_signal, abort_controller, cancel, cancel_token, controller"],
  ["use deadline (milliseconds)", "timeout, timeout_ms"],
  ['use vaeTiling: "on"', "enable_vae_tiling, vae_tiled, tiled_vae, tiled_decode"],
  [LORA_WEIGHT, "lora_scale, lora_weight, cross_attention_kwargs, joint_attention_kwargs, adapter_weights"],
  [
    loadedFix,
    "model, checkpoint, adapters, ip_adapter, lora, embeddings, vae, unet, device, devices, device_map, cuda, gpu, use_gpu, use_cuda, dtype, torch_dtype, threads, image_encoder, controlnet, control, t2i_adapter, sd_model_checkpoint, override_settings",
  ],
  [
    "use promptEmbeds: { prompt, negative, pooled, negativePooled }",
    "negative_prompt_embeds, pooled_prompt_embeds, negative_pooled_prompt_embeds",
  ],
  ["use imagePrompts: [{ image, mask }]", "ip_adapter_mask, ip_adapter_masks, attention_mask"],
  ["use regions: [{ mask, prompt }]", "region_masks, region, regional_prompts, areas"],
  [
    "use negativeImagePrompts: [{ image }]",
    "image_negative, negative_image, negative_image_prompt, ip_adapter_negative_image",
  ],
  [
    "use controls: [{ control, image }]",
    "control_image, controlnet_conditioning_image, control_images, controlnet_conditioning, alwayson_scripts",
  ],
  [
    "each picture has its own: use controls: [{ image, scale, start, end }]",
    "controlnet_conditioning_scale, adapter_conditioning_scale, adapter_conditioning_factor, control_guidance_start, control_guidance_end, guess_mode, control_scale, controlnet_scale",
  ],
  ["it is not there yet: leave it out", "guidance_rescale, restore_faces, face_restore, upscale, upscaler, pag_scale"],
  [NOT_NEEDED, "return_dict, safety_checker, style, user, background, moderation, styles, num_workers"],
];

const LOAD: Alias[] = [
  [
    "use model",
    "checkpoint, ckpt, ckpt_name, ckpt_path, model_id, model_name, model_path, pretrained, pretrained_model, pretrained_model_name_or_path, pretrained_model_link_or_path, base_model, base, path, file, repo, repo_id, sd_model_checkpoint, diffusion_model",
  ],
  [
    "use adapters: [{ file }]",
    "adapter, ip_adapter, ip_adapters, ip_adapter_path, ip_adapter_file, ip_adapter_model, ip_adapter_name, pretrained_adapter, weight_name, image_adapter",
  ],
  [
    "use loras: [{ file, weight }]",
    "lora, lora_path, lora_paths, lora_file, lora_weights, lora_model, lora_models, lora_name",
  ],
  [LORA_WEIGHT, "lora_scale, lora_strength, lora_weight, strength_model, strength_clip"],
  ["use embeddings: [{ file, token }]", "embedding, textual_inversion, textual_inversions, inversions, learned_embeds"],
  [
    "use imageEncoder",
    "clip_vision, clip_vision_model, vision_encoder, image_encoder_path, image_encoder_folder, clip, feature_extractor",
  ],
  ["use unet", "unet_path, transformer, diffusion_model_path"],
  ["use vae", "vae_path, vae_name, autoencoder, taesd, tiny_vae"],
  [dtypeFix, "torch_dtype, precision, data_type, weight_dtype, compute_type, quantization, quantize, bits"],
  ["weights in f16 are read where a model has no others, and stay so in memory: leave it out", "variant, half, fp16"],
  [subfolderFix, "subfolder"],
  ["use threads", "num_threads, n_threads, thread_count, intra_op_num_threads, cpu_threads, workers, num_workers"],
  ["use token", "hf_token, access_token, auth_token, use_auth_token, api_key, auth"],
  ["use offline", "local_files_only, hf_hub_offline, no_download"],
  ["set the environment variable HF_HUB_CACHE, or HF_HOME, instead", "cache_dir, cache, cache_folder"],
  ['put it behind the name: use model: "owner/name@revision"', "revision, branch, commit, tag"],
  ["use onProgress", "progress, progress_callback, on_download, callback"],
  ["use signal", "abort, abort_signal, abort_controller, cancel, controller"],
  [
    "each picture has its own: use imagePrompts: [{ image, scale }] in generate()",
    "ip_adapter_scale, adapter_scale, scale",
  ],
  ["it is an option of each call: use scheduler in generate()", "scheduler, sampler, sampler_name"],
  [
    "it is an option of each call: use it in generate()",
    "prompt, negative_prompt, steps, num_inference_steps, guidance, guidance_scale, seed, width, height, sigmas, clip_skip, vae_tiling, memory_budget",
  ],
  [
    deviceFix,
    "device_map, device_id, cuda, gpu, cpu, backend, provider, providers, execution_providers, accelerator, use_gpu, use_cuda, use_cpu, force_cpu, no_cuda",
  ],
  [
    "use devices: { unet, vae, textEncoder, imageEncoder }",
    "placement, part_devices, unet_device, vae_device, text_encoder_device, image_encoder_device, clip_device",
  ],
  [
    "use offload: true",
    "cpu_offload, model_cpu_offload, enable_model_cpu_offload, enable_sequential_cpu_offload, offload_to_cpu, lowvram, medvram",
  ],
  ['use devices: { textEncoder: "cpu" }', "clip_on_cpu"],
  [
    "use controls: [{ file }]",
    "controlnet, controlnets, control, controlnet_path, control_model, t2i_adapter, adapter_model",
  ],
  [
    NOT_NEEDED,
    "safety_checker, requires_safety_checker, use_safetensors, low_cpu_mem_usage, tokenizer, text_encoder, custom_pipeline, config, original_config, enable_xformers, attention_slicing, load_safety_checker",
  ],
];

const DEVICES: Alias[] = [
  ["use unet", "model, transformer, diffusion_model, adapters, adapter, ip_adapter, controls, controlnet, control"],
  ["use vae", "vae_decoder, vae_encoder, decoder, autoencoder, first_stage_model"],
  ["use textEncoder", "text, clip, te, text_encoders, text_encoder_1, text_encoder_2, conditioner"],
  ["use imageEncoder", "image, vision, clip_vision, vision_encoder, image_encoders"],
];

const IMAGE_PROMPT: Alias[] = [
  [
    "use image",
    "file, path, url, src, picture, image_path, image_file, image_url, input, data, ip_adapter_image, buffer, bytes",
  ],
  ["use scale", "strength, ip_adapter_scale, image_scale, influence, layer_weights"],
  ["use embeds", "embedding, embeddings, image_embeds, ip_adapter_image_embeds, features"],
  ["use faceEmbeds", "face, face_embedding, faceid_embeds, id_embeds, face_id"],
  ["use structureScale", "s_scale, shortcut_scale, structure"],
  ["use adapter, the index of a loaded adapter", "adapter_index, index, model, adapter_name, ip_adapter"],
  ["it is not there yet: leave it out", "noise"],
  ["use mask", "attn_mask, attention_mask, region, ip_adapter_masks"],
  ["use start", "start_at, begin"],
  ["use end", "end_at"],
  [presetFix, "weight_type, method, style"],
  ["use combine", "combine_embeds"],
  ["use kvScaling", "embeds_scaling"],
  ["use fit", "crop_position, resize_mode, crop"],
  ["use imageMask", "reference_mask, clip_vision_mask"],
];

const FILE = "path, model, url, src, file_name, weight_name, model_path, model_name, repo, id";

const NAMELESS = "use file for the path; a name is not needed";

const CONTROL: Alias[] = [
  ["use file", `${FILE}, controlnet, control_model, weights`],
  [NAMELESS, "name"],
  ["each picture has its own: use controls: [{ image, scale }] in generate()", "scale, weight, strength"],
  ["it is read from the file: leave it out", "type, variant, kind, module, preprocessor"],
];

const CONTROL_USE: Alias[] = [
  [
    "the control itself is loaded: pass its file to Pipeline.load() or setControls(), and use image for the picture",
    "file",
  ],
  [
    "use image",
    "path, url, src, picture, image_path, image_file, image_url, input, data, control_image, buffer, bytes, condition",
  ],
  [
    "use scale",
    "weight, strength, controlnet_conditioning_scale, adapter_conditioning_scale, control_weight, influence",
  ],
  ["use control, the index of a loaded control", "index, model, controlnet, name, adapter"],
  ["use start", "control_guidance_start, guidance_start, start_percent, begin, start_at"],
  ["use end", "control_guidance_end, guidance_end, end_percent, stop, end_at"],
  ["use guess", "guess_mode"],
  ["use mode", "control_mode, control_type, union_type"],
  ["use faceKeypoints", "kps, keypoints, face_kps, landmarks"],
];

const ADAPTER: Alias[] = [
  ["use file", `${FILE}, ip_adapter, adapter, weights`],
  ["use imageEncoder", "clip_vision, encoder, image_encoder_folder, image_encoder_path, vision_encoder"],
  ["use loraWeight", "lora, lora_scale, lora_strength"],
  [
    "each picture has its own: use imagePrompts: [{ image, scale }] in generate()",
    "scale, weight, strength, ip_adapter_scale",
  ],
  ["use shortcut", "plus_v2, is_plus_v2, faceid_v2, use_shortcut"],
  [NAMELESS, "name"],
  ["it is read from the file: leave it out", "type, variant, kind, tokens, num_tokens"],
];

const LORA: Alias[] = [
  ["use file", `${FILE}, lora, lora_path`],
  [NAMELESS, "name, adapter_name"],
  ["use weight", "scale, strength, alpha, multiplier, lora_scale, strength_model, strength_clip, adapter_weight"],
];

const EMBEDDING: Alias[] = [
  ["use file", `${FILE}, embedding, weights`],
  ["use token", "name, trigger, trigger_word, word, keyword, placeholder, placeholder_token, tokens"],
];

const WRITING: Alias[] = [["use compressionLevel", "compression, level, png_compression"]];

const NEEDS_NETWORK =
  "it takes a network, which is not in this package: make the map elsewhere, and pass it as the picture";

const PREPROCESSORS: Alias[] = [
  [
    NEEDS_NETWORK,
    "depth, midas, zoe, leres, marigold, openpose, pose, dwpose, hed, softedge, pidinet, teed, lineart, mlsd, normal, normalbae, segmentation, seg, sam, face, mediapipe",
  ],
  ["use canny", "edge, edges, canny_edges"],
  ["use invert", "inverse, negative, invert_from_white"],
  ["use blur", "gaussian, gaussian_blur, blur_gaussian"],
  ["use tile", "tile_resample, resample, downscale"],
  ["use scribble", "xdog, scribble_xdog, sketch"],
  ["use grey", "gray, grayscale, greyscale, luminance, recolor"],
];

/** By the title of the schema. */
const TABLES: Record<string, readonly Alias[]> = {
  preprocessors: PREPROCESSORS,
  "generate options": GENERATE,
  "estimateMemory options": GENERATE,
  "Pipeline.load options": LOAD,
  "image prompt": IMAGE_PROMPT,
  devices: DEVICES,
  adapter: ADAPTER,
  control: CONTROL,
  "control of a call": CONTROL_USE,
  LoRA: LORA,
  embedding: EMBEDDING,
  "image options": WRITING,
};

/** What to do in place of an option that only others have; undefined: nobody has it. `read` gives the option's value. */
export function optionAlias(title: string, key: string, read: () => unknown): string | undefined {
  const wanted = fold(key);
  const table = Object.hasOwn(TABLES, title) ? (TABLES[title] ?? []) : [];
  const found = table.find(([, names]) => names.split(", ").some((name) => fold(name) === wanted));
  if (found === undefined) return undefined;
  return typeof found[0] === "string" ? found[0] : found[0](read(), key);
}

/** All of it, for the test that holds the names against the schemas. */
export function aliasTables(): { title: string; fix: string; names: string[] }[] {
  return Object.entries(TABLES).flatMap(([title, table]) =>
    table.map(([fix, names]) => ({
      title,
      fix: typeof fix === "string" ? fix : fix(undefined, names.split(", ")[0] ?? ""),
      names: names.split(", "),
    })),
  );
}

/** `"512x768"`, `[512, 768]` and 512 as width and height. */
function sizeFix(value: unknown): string {
  const sides = sidesOf(value);
  return sides === undefined ? "use width and height, in pixels" : `use width: ${sides[0]}, height: ${sides[1]}`;
}

function sidesOf(value: unknown): [number, number] | undefined {
  if (typeof value === "number" && Number.isInteger(value) && value > 0) return [value, value];
  const text =
    Array.isArray(value) && value.length === 2
      ? `${describe(value[0])}x${describe(value[1])}`
      : typeof value === "string"
        ? value.slice(0, 32)
        : "";
  const [, width, height] = /^\s*(\d{1,5})\s*[x×*,]\s*(\d{1,5})\s*$/i.exec(text) ?? [];
  return width === undefined || height === undefined ? undefined : [Number(width), Number(height)];
}

/** Of an option of Pipeline.load(), or what others call one, in generate(). */
function loadedFix(value: unknown, key: string): string {
  const own = Object.keys(LoadSchema.properties).find((name) => fold(name) === fold(key));
  if (own === key) return `it is loaded with the model: pass it to Pipeline.load()${laterCall(key, " or ")}`;
  const fix =
    (own === undefined ? optionAlias("Pipeline.load options", key, () => value) : `use ${own}`) ?? "use model";
  return `it is loaded with the model: in Pipeline.load(), ${fix}${laterCall(fix, ", or call ")}`;
}

const SETTERS: Record<string, string> = { adapters: "setAdapters", controls: "setControls", loras: "setLoras" };

/** The call that changes what `text` names after the model is loaded, with `joint` before it; "" where there is none. */
function laterCall(text: string, joint: string): string {
  const [name] = /\b(?:adapters|controls|loras)\b/.exec(text) ?? [];
  return name === undefined ? "" : `${joint}${SETTERS[name] ?? ""}()`;
}

/** `torch_dtype: "bfloat16"` as `dtype: "bf16"`. */
function dtypeFix(value: unknown): string {
  const ours = valueAlias("dtype", value);
  return ours === undefined ? "use dtype" : ours.replace(/^use /, "use dtype: ");
}

/** `weight_type: "style transfer"` of ComfyUI as `preset: "style"`. */
function presetFix(value: unknown): string {
  const ours = valueAlias("preset", value);
  return ours === undefined ? "use preset" : ours.replace(/^use (?=")/, "use preset: ");
}

function subfolderFix(value: unknown): string {
  const folder = typeof value === "string" && /^[\w./-]{1,64}$/.test(value) ? value : "subfolder";
  return `put it behind the name: use model: "owner/name/${folder}"`;
}
