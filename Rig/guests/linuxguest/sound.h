// SPDX-License-Identifier: Apache-2.0
// The sound of the rig's Linux guest.

// Plays by the first sound card, without end, in 48000 frames a second of two channels of 16 bits, full volume:
//
//   tone   a sine of 997 Hz, half as loud as can be; the guest has 200 ms of it waiting
//   echo   what the card records, after at least 100 ms
//   marks  silence, and every 200 to 400 ms 10 ms of that sine, whose volume is 1/2, 1 and 3/2 of the tone's in turn. Just before
//          each is written, QEMU's debugging port (0xE9) gets `mark NUMBER FRAMES`: what else waits in the guest, of 40 ms
//
// The serial port gets `sound tone` and so on when it begins, `sound late` when frames ran out, and `error: sound: ...` when
// it ends.
void play_sound(const char *what);
