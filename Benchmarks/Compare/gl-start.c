// SPDX-License-Identifier: Apache-2.0
//
// Measures how long only the GL driver takes to start: an EGL display on the Wayland compositor, a GLES 2 context, a program, one
// triangle. Prints `drawn NANOSECONDS`, counted from main.
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <wayland-client.h>

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void need(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "gl-start: %s failed: 0x%x\n", what, eglGetError());
    exit(1);
}

static GLuint shader(GLenum kind, const char *source) {
    GLuint made = glCreateShader(kind);
    glShaderSource(made, 1, &source, NULL);
    glCompileShader(made);
    return made;
}

int main(void) {
    uint64_t start = now();
    struct wl_display *wayland = wl_display_connect(NULL);
    need(wayland != NULL, "wl_display_connect");
    EGLDisplay display = eglGetPlatformDisplay(EGL_PLATFORM_WAYLAND_KHR, wayland, NULL);
    need(eglInitialize(display, NULL, NULL), "eglInitialize");
    need(eglBindAPI(EGL_OPENGL_ES_API), "eglBindAPI");
    EGLContext context =
        eglCreateContext(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, (EGLint[]){EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE});
    need(context != EGL_NO_CONTEXT, "eglCreateContext");
    need(eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context), "eglMakeCurrent");

    GLuint target, framebuffer, program = glCreateProgram();
    glGenTextures(1, &target);
    glBindTexture(GL_TEXTURE_2D, target);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, 64, 64, 0, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
    glGenFramebuffers(1, &framebuffer);
    glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, target, 0);
    glAttachShader(program, shader(GL_VERTEX_SHADER, "attribute vec2 p; void main() { gl_Position = vec4(p, 0.0, 1.0); }"));
    glAttachShader(program, shader(GL_FRAGMENT_SHADER, "precision mediump float; void main() { gl_FragColor = vec4(1.0); }"));
    glBindAttribLocation(program, 0, "p");
    glLinkProgram(program);
    glUseProgram(program);
    const GLfloat corners[] = {-1, -1, 3, -1, -1, 3};
    glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, corners);
    glEnableVertexAttribArray(0);
    glDrawArrays(GL_TRIANGLES, 0, 3);
    glFinish();
    need(glGetError() == GL_NO_ERROR, "drawing");
    printf("drawn %llu\n", (unsigned long long)(now() - start));
    return 0;
}
