/* The table of functions through which the engine drives an NVIDIA GPU. A plugin (native/cuda/plugin) provides it on real
   devices, test/cuda-emulator on the CPU. Plain C, so that engine and plugin may come from different compilers.
   Every function but `close`, `graph_free` and `describe` returns a GpuResult. They may be called from any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes with every change of this file or of kernel_args.h: engine and plugin must name the same. */
#define IPA_GPU_ABI 2

typedef enum GpuResult {
  gpu_ok = 0,
  gpu_no_driver,        /* none is installed, or it does not answer */
  gpu_driver_too_old,   /* see GpuVersions */
  gpu_no_device,        /* the driver knows no device of that index */
  gpu_old_architecture, /* the plugin has no code for the device */
  gpu_no_memory,
  gpu_lost,  /* an error after which every call of this process on the device fails */
  gpu_failed /* any other; describe() tells more */
} GpuResult;

/* As CUDA counts: 12040 is 12.4. */
typedef struct GpuVersions {
  int32_t driver; /* the newest CUDA that the driver can run; 0: no driver */
  int32_t needed; /* the oldest that the plugin runs on */
} GpuVersions;

typedef struct GpuDeviceInfo {
  char name[128];
  int32_t major, minor; /* compute capability */
  int32_t multiprocessors;
  int32_t shared_per_block; /* bytes that a block may have at most */
  uint64_t memory_bytes;
  char bus[32]; /* its place in the machine */
} GpuDeviceInfo;

/* One device and one queue of work on it. All that is asked of a queue happens in the order of the calls. */
typedef struct GpuQueue GpuQueue;
/* A place in a queue's order. */
typedef struct GpuEvent GpuEvent;
/* Launches recorded once, to be launched together. */
typedef struct GpuGraph GpuGraph;

typedef struct GpuApi {
  int32_t abi;
  int32_t table_bytes; /* sizeof(GpuApi) */

  /* Answers without a driver, too. */
  GpuResult (*versions)(GpuVersions* versions);
  GpuResult (*device_count)(int32_t* count);
  GpuResult (*device_info)(int32_t index, GpuDeviceInfo* info);

  GpuResult (*open)(int32_t index, GpuQueue** queue);
  /* Waits for all that was asked of it. */
  void (*close)(GpuQueue* queue);

  /* Memory of the device, and the host's that the device reaches (pinned). Addresses are multiples of 256. Giving it back
     waits for all work of the queue. */
  GpuResult (*memory)(GpuQueue* queue, uint64_t* free_bytes, uint64_t* total_bytes);
  GpuResult (*take)(GpuQueue* queue, uint64_t bytes, void** address);
  GpuResult (*give)(GpuQueue* queue, void* address);
  GpuResult (*take_pinned)(GpuQueue* queue, uint64_t bytes, void** address);
  GpuResult (*give_pinned)(GpuQueue* queue, void* address);

  /* Later, in the queue's order: the host's memory must be pinned, and stay as it is until then. */
  GpuResult (*copy_in)(GpuQueue* queue, void* device, const void* pinned, uint64_t bytes);
  GpuResult (*copy_out)(GpuQueue* queue, void* pinned, const void* device, uint64_t bytes);
  GpuResult (*copy_within)(GpuQueue* queue, void* to, const void* from, uint64_t bytes);
  GpuResult (*fill_zero)(GpuQueue* queue, void* device, uint64_t bytes);
  /* `arguments` is the struct of that kernel (kernel_args.h), copied at once. */
  GpuResult (*launch)(GpuQueue* queue, int32_t kernel, const void* arguments, uint64_t argument_bytes);

  /* Between the two, what is asked of the queue is recorded rather than done: launches, copies and fill_zero. One recording of
     a queue at a time, begun and ended by one thread. */
  GpuResult (*graph_begin)(GpuQueue* queue);
  GpuResult (*graph_end)(GpuQueue* queue, GpuGraph** graph);
  GpuResult (*graph_launch)(GpuQueue* queue, GpuGraph* graph);
  /* At any time: launches of it that were asked for are done all the same. */
  void (*graph_free)(GpuGraph* graph);

  GpuResult (*event_create)(GpuQueue* queue, GpuEvent** event);
  void (*event_free)(GpuEvent* event);
  GpuResult (*event_record)(GpuQueue* queue, GpuEvent* event);
  /* Until the queue has come there; the thread sleeps. At once for one that was never recorded. */
  GpuResult (*event_wait)(GpuEvent* event);
  /* Between two that have been waited for. */
  GpuResult (*event_seconds)(GpuEvent* from, GpuEvent* to, double* seconds);

  /* What the last call of this thread that failed had to say, as a text that ends with 0. */
  void (*describe)(char* text, size_t bytes);
} GpuApi;

/* What a plugin exports as "ipa_gpu_api": its table; null when it has none for this engine's `abi`. For 0, the table that it
   has: of that, an engine of another version reads the first two fields alone, to say which version the plugin is of. */
typedef const GpuApi* (*GpuApiOf)(int32_t abi);

#ifdef __cplusplus
}
#endif
