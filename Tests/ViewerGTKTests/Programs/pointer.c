// SPDX-License-Identifier: Apache-2.0
// Prints the X server's present pointer: width, height, x and y of the pixel that points, and then each pixel as 8 hexadecimal
// digits, colours multiplied by alpha. Transparent lines and columns at the right and at the bottom stay.
#include <X11/extensions/Xfixes.h>
#include <stdio.h>

int main(void) {
    Display *display = XOpenDisplay(NULL);
    int event, error;
    if (!display || !XFixesQueryExtension(display, &event, &error)) return 1;
    XFixesCursorImage *image = XFixesGetCursorImage(display);
    if (!image) return 1;
    printf("%u %u %u %u", image->width, image->height, image->xhot, image->yhot);
    for (unsigned i = 0; i < (unsigned)image->width * image->height; i++) printf(" %08lx", image->pixels[i] & 0xFFFFFFFF);
    printf("\n");
    XFree(image);
    return XCloseDisplay(display);
}
