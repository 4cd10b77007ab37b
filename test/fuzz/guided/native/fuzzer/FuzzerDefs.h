// SPDX-License-Identifier: Apache-2.0
// What Jazzer.js wants of libFuzzer's inner headers, by libFuzzer's public entry: Debian ships the library without them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));

namespace fuzzer {
using UserCallback = int (*)(const uint8_t *data, size_t size);

inline int FuzzerDriver(int *argc, char ***argv, UserCallback callback) {
  return LLVMFuzzerRunDriver(argc, argv, callback);
}
} // namespace fuzzer
