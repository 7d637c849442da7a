// SPDX-License-Identifier: Apache-2.0
//
// Shows the synthetic guest in a window.
//
//   swift run window

import VGPUDisplay
import ViewerGTK

let source = DisplaySource(try SyntheticGuest())
let statistics = try Viewer.run(source: source)
print("\(statistics.framesPresented) frames")
