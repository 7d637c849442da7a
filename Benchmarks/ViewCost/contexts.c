// SPDX-License-Identifier: Apache-2.0
//
// What each further context of OpenGL ES takes on one display of EGL's, in memory of the process's own, when it
// draws a texture of 64x64 pixels once: what the driver keeps for each view, whatever that shows. With "share" all
// contexts are of one share group. Benchmarks/view-cost --contexts compiles and runs it.

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *vertex =
    "#version 100\nattribute vec2 corner; varying vec2 point;\n"
    "void main() { point = corner; gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0); }";
static const char *fragment =
    "#version 100\nprecision highp float; uniform sampler2D picture; varying vec2 point;\n"
    "void main() { gl_FragColor = vec4(texture2D(picture, point).bgr, 1.0); }";

// KiB that no other process shares.
static long own(void) {
  FILE *file = fopen("/proc/self/smaps_rollup", "r");
  if (file == NULL) exit(1);
  char line[256];
  long sum = 0, value;
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "Private_Dirty: %ld", &value) == 1) sum += value;
    if (sscanf(line, "Private_Clean: %ld", &value) == 1) sum += value;
  }
  fclose(file);
  return sum;
}

static void attach(GLuint program, GLenum type, const char *source) {
  GLuint shader = glCreateShader(type);
  glShaderSource(shader, 1, &source, NULL);
  glCompileShader(shader);
  glAttachShader(program, shader);
}

static void draw(void) {
  const float corners[] = {0, 0, 1, 0, 0, 1, 1, 1};
  GLuint program = glCreateProgram(), texture, target, framebuffer, buffer;
  attach(program, GL_VERTEX_SHADER, vertex);
  attach(program, GL_FRAGMENT_SHADER, fragment);
  glBindAttribLocation(program, 0, "corner");
  glLinkProgram(program);
  glUseProgram(program);
  glGenTextures(1, &texture);
  glBindTexture(GL_TEXTURE_2D, texture);
  glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, 64, 64, 0, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
  glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
  glGenRenderbuffers(1, &target);
  glBindRenderbuffer(GL_RENDERBUFFER, target);
  glRenderbufferStorage(GL_RENDERBUFFER, GL_RGBA8, 64, 64);
  glGenFramebuffers(1, &framebuffer);
  glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
  glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, target);
  glGenBuffers(1, &buffer);
  glBindBuffer(GL_ARRAY_BUFFER, buffer);
  glBufferData(GL_ARRAY_BUFFER, sizeof corners, corners, GL_STATIC_DRAW);
  glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
  glEnableVertexAttribArray(0);
  glViewport(0, 0, 64, 64);
  glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
  glFinish();
}

int main(int count, char **arguments) {
  int shares = count > 1 && strcmp(arguments[1], "share") == 0;
  PFNEGLGETPLATFORMDISPLAYEXTPROC get =
      (PFNEGLGETPLATFORMDISPLAYEXTPROC)eglGetProcAddress("eglGetPlatformDisplayEXT");
  EGLDisplay display = get == NULL ? NULL : get(EGL_PLATFORM_SURFACELESS_MESA, NULL, NULL);
  const EGLint wish[] = {EGL_SURFACE_TYPE, 0, EGL_RENDERABLE_TYPE, EGL_OPENGL_ES3_BIT, EGL_NONE};
  const EGLint attributes[] = {EGL_CONTEXT_CLIENT_VERSION, 3, EGL_NONE};
  EGLConfig config;
  EGLint configs = 0;
  if (!eglInitialize(display, NULL, NULL) || !eglBindAPI(EGL_OPENGL_ES_API) ||
      !eglChooseConfig(display, wish, &config, 1, &configs) || configs < 1) {
    fprintf(stderr, "contexts: EGL is not available without a window\n");
    return 1;
  }
  EGLContext first = EGL_NO_CONTEXT;
  for (int number = 1; number <= 5; number++) {
    long begin = own();
    EGLContext context =
        eglCreateContext(display, config, shares ? first : EGL_NO_CONTEXT, attributes);
    if (context == EGL_NO_CONTEXT || !eglMakeCurrent(display, NULL, NULL, context)) return 1;
    long made = own();
    draw();
    if (number == 1) {
      printf("%s, %s, %s\n", glGetString(GL_RENDERER), glGetString(GL_VERSION),
          shares ? "one share group" : "no share group");
      first = context;
    } else {
      printf("context %d: made %+.1f MB, drawn once %+.1f MB\n", number, (made - begin) / 1024.0,
          (own() - made) / 1024.0);
    }
  }
  return 0;
}
