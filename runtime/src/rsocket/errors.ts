// SPDX-License-Identifier: Apache-2.0
// Errors and codes of the layers below, as the layers above may name them.

export { ErrorCode, errorCodeName } from "../frames/errors.js";
export { ConnectionError, type Initiator, StreamError } from "../session/errors.js";
