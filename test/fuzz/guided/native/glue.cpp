// SPDX-License-Identifier: Apache-2.0
// Jazzer.js is written for a libFuzzer with a few more functions than the released one has.
#include <cstdint>

extern "C" {
void __jazzer_set_death_callback(void (*callback)());
void __sanitizer_cov_trace_const_cmp8(uint64_t first, uint64_t second);
void __sanitizer_cov_trace_pc_indir(uintptr_t callee);

void __sanitizer_set_death_callback(void (*callback)()) { __jazzer_set_death_callback(callback); }

// The place of a comparison only matters for value profiles, which are off.
void __sanitizer_cov_trace_const_cmp8_with_pc(uintptr_t, uint64_t first, uint64_t second) {
  __sanitizer_cov_trace_const_cmp8(first, second);
}

void __sanitizer_cov_trace_pc_indir_with_pc(void *caller, uintptr_t callee) {
  __sanitizer_cov_trace_pc_indir(callee ^ reinterpret_cast<uintptr_t>(caller));
}
}
