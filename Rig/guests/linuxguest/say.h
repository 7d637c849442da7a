// SPDX-License-Identifier: Apache-2.0
// What the rig's Linux guest says on the serial port.

// Writes a text at once, as printf(3) does.
void say(const char *format, ...);
