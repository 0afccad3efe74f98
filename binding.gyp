# node-gyp's build: the core as a static library without any Node header, and the add-on on top of it.
# The sources come from scripts/native-sources.mjs, as CMakeLists.txt's do.
{
  "target_defaults": {
    # GCC 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105329).
    # -O3, which node-gyp would have, makes the add-on four times as large and nothing quicker: system calls take the
    # time. What computes asks for more itself (sha256.cpp).
    "cflags!": ["-O3"],
    "cflags": ["-Os", "-ffunction-sections", "-fdata-sections", "-fPIC", "-Wall", "-Wextra", "-Wconversion", "-Wno-restrict", "-fvisibility=hidden"],
    "cflags_cc": ["-std=c++20", "-include", "<(module_root_dir)/native/core/base/glibc.h"],
    "ldflags": ["-Wl,--gc-sections"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "defines": ["_GNU_SOURCE", "_FILE_OFFSET_BITS=64"],
  },
  "targets": [
    {
      "target_name": "core",
      "type": "static_library",
      "sources": ["<!@(node scripts/native-sources.mjs core)"],
    },
    {
      "target_name": "ksquash",
      "dependencies": ["core"],
      "sources": ["<!@(node scripts/native-sources.mjs addon)"],
      # System headers: the warnings above are for our code.
      "cflags_cc": ["-isystem", "<!(node -p \"path.resolve(require('node-addon-api').include_dir)\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS"],
      "libraries": ["-pthread"],
    },
    # For tests and benchmarks only: the verbs without Node, and a program that makes system calls fail.
    {
      "target_name": "drive",
      "type": "executable",
      "dependencies": ["core"],
      "sources": ["<!@(node scripts/native-sources.mjs drive)"],
    },
    {
      "target_name": "mutants",
      "type": "executable",
      "dependencies": ["core"],
      "sources": ["<!@(node scripts/native-sources.mjs mutants)"],
    },
    {
      "target_name": "deny",
      "type": "executable",
      "sources": ["<!@(node scripts/native-sources.mjs deny)"],
    },
  ],
}
