// SPDX-License-Identifier: Apache-2.0
// The listing of GuestSound's article.

import GuestSound

func hear() throws {
  let sound = try DesktopSound(guest: "laptop")
  sound.isMicrophoneOn = true
  let (output, microphone) = (sound.output, sound.microphone)
  print(output, microphone)
}
