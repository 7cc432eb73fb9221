{
  # Here and not at the package's root: package managers run node-gyp for a package with a binding.gyp at its root.
  # One list of sources for this file, CMakeLists.txt and tools/build/native.mjs.
  "includes": ["sources.gypi"],
  "variables": {
    # -Dwith_tests=1 also builds the native_tests executable.
    "with_tests%": "0"
  },
  "target_defaults": {
    "include_dirs": ["<@(core_include_dirs)"],
    # Standard C++ keeps exceptions on only so that a failed allocation can be caught and reported.
    "cflags_cc!": ["-fno-exceptions", "-std=gnu++17", "-std=gnu++20"],
    "cflags!": ["-fno-exceptions", "-O2"],
    "cflags_cc": ["-std=c++17", "-O3", "<@(unix_cflags)"],
    "xcode_settings": {
      "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
      "CLANG_CXX_LIBRARY": "libc++",
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
      "GCC_OPTIMIZATION_LEVEL": "3",
      "MACOSX_DEPLOYMENT_TARGET": "11.0",
      "OTHER_CPLUSPLUSFLAGS": ["<@(unix_cflags)"]
    },
    "msvs_settings": {
      "VCCLCompilerTool": {
        "ExceptionHandling": 1,
        "Optimization": 2,
        "AdditionalOptions": ["/std:c++17", "/utf-8", "/W3", "/fp:precise", "/bigobj"]
      }
    },
    "conditions": [
      ["OS=='win'", {"defines": ["NOMINMAX", "WIN32_LEAN_AND_MEAN", "_CRT_SECURE_NO_WARNINGS", "_HAS_EXCEPTIONS=1"]}]
    ]
  },
  "targets": [
    {
      "target_name": "ipa_core",
      "type": "static_library",
      "sources": ["<@(core_files)"],
      "conditions": [
        ["target_arch=='x64'", {"sources": ["<@(x64_files)"]}],
        ["target_arch=='arm64'", {"sources": ["<@(arm64_files)"]}],
        ["OS=='linux'", {"cflags": ["-fPIC"]}]
      ]
    },
    {
      "target_name": "node_ip_adapter",
      "sources": ["<@(addon_files)"],
      "dependencies": ["ipa_core"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["<@(addon_defines)"],
      "conditions": [
        # Engine threads may still run while a process exits: the code must stay mapped.
        ["OS=='linux'", {"ldflags": ["-Wl,-z,nodelete", "-pthread"], "libraries": ["-ldl"]}]
      ]
    },
    {
      "target_name": "native_tests",
      "conditions": [
        ["with_tests==1", {
          "type": "executable",
          "sources": ["<@(test_files)"],
          "dependencies": ["ipa_core"],
          "include_dirs": ["../test/native"],
          "conditions": [["OS=='linux'", {"ldflags": ["-pthread"], "libraries": ["-ldl"]}]]
        }, {
          "type": "none"
        }]
      ]
    }
  ]
}
