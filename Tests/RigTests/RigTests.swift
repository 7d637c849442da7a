// SPDX-License-Identifier: Apache-2.0

import Testing

/// Everything that needs real kernel drivers. One test at a time: there is one kernel, with one CPU
/// and a bounded store of vGPUs.
@Suite(.serialized, .enabled(if: Rig.isHere, "runs in the rig: Scripts/test or Rig/run"))
struct RigTests {}
