// SPDX-License-Identifier: Apache-2.0
// Faults of the user's input, told in one line and without a stack.

/** A fault in an option or in a .proto: its message is one line that says what is wrong and how to cure it.
 *
 *  Everything else that is thrown in the plugin is a fault of the plugin itself and keeps its stack. */
export class InputError extends Error {}
