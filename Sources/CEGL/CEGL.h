// SPDX-License-Identifier: Apache-2.0
//
// EGL and OpenGL ES as Swift can call them. libepoxy declares every entry point as a macro over a
// function pointer, which Swift does not import; each function here forwards to one of them and
// does nothing else. libepoxy ends the process when it is asked for an entry point that is not
// there, so ask vgpu_has_egl and the extension queries first.

#ifndef CEGL_H
#define CEGL_H

#include <epoxy/egl.h>
#include <epoxy/gl.h>
#include <stdbool.h>

// EGL_EXT_device_drm_render_node, newer than some distributions' headers.
#ifndef EGL_DRM_RENDER_NODE_FILE_EXT
#define EGL_DRM_RENDER_NODE_FILE_EXT 0x3377
#endif

// Whether libEGL can be loaded.
static inline bool vgpu_has_egl(void) { return epoxy_has_egl(); }

// Whether an EGL display, or the client where `display` is NULL, has an extension.
static inline bool vgpu_has_egl_extension(EGLDisplay display, const char *name) {
  return epoxy_has_egl_extension(display, name);
}

// Whether the current context has an extension.
static inline bool vgpu_has_gl_extension(const char *name) { return epoxy_has_gl_extension(name); }

// The current context's version times ten.
static inline int vgpu_gl_version(void) { return epoxy_gl_version(); }

// glShaderSource of one string; Swift cannot spell the array of const pointers.
static inline void vgpu_glShaderSource(GLuint shader, const char *source) {
  glShaderSource(shader, 1, &source, NULL);
}


static inline EGLint vgpu_eglGetError(void) { return eglGetError(); }
static inline EGLDisplay vgpu_eglGetPlatformDisplayEXT(
    EGLenum platform, void *native, const EGLint *attributes) {
  return eglGetPlatformDisplayEXT(platform, native, attributes);
}
static inline EGLBoolean vgpu_eglInitialize(EGLDisplay display, EGLint *major, EGLint *minor) {
  return eglInitialize(display, major, minor);
}
static inline EGLBoolean vgpu_eglTerminate(EGLDisplay display) { return eglTerminate(display); }
static inline EGLBoolean vgpu_eglReleaseThread(void) { return eglReleaseThread(); }
static inline const char *vgpu_eglQueryString(EGLDisplay display, EGLint name) {
  return eglQueryString(display, name);
}
static inline EGLBoolean vgpu_eglBindAPI(EGLenum api) { return eglBindAPI(api); }
static inline EGLBoolean vgpu_eglChooseConfig(
    EGLDisplay display, const EGLint *attributes, EGLConfig *configs, EGLint size,
    EGLint *count) {
  return eglChooseConfig(display, attributes, configs, size, count);
}
static inline EGLBoolean vgpu_eglGetConfigAttrib(
    EGLDisplay display, EGLConfig config, EGLint attribute, EGLint *value) {
  return eglGetConfigAttrib(display, config, attribute, value);
}
static inline EGLContext vgpu_eglCreateContext(
    EGLDisplay display, EGLConfig config, EGLContext share, const EGLint *attributes) {
  return eglCreateContext(display, config, share, attributes);
}
static inline EGLBoolean vgpu_eglDestroyContext(EGLDisplay display, EGLContext context) {
  return eglDestroyContext(display, context);
}
static inline EGLContext vgpu_eglGetCurrentContext(void) { return eglGetCurrentContext(); }
static inline EGLSurface vgpu_eglGetCurrentSurface(EGLint which) {
  return eglGetCurrentSurface(which);
}
static inline EGLBoolean vgpu_eglMakeCurrent(
    EGLDisplay display, EGLSurface draw, EGLSurface read, EGLContext context) {
  return eglMakeCurrent(display, draw, read, context);
}
static inline EGLSurface vgpu_eglCreatePlatformWindowSurfaceEXT(
    EGLDisplay display, EGLConfig config, void *window, const EGLint *attributes) {
  return eglCreatePlatformWindowSurfaceEXT(display, config, window, attributes);
}
static inline EGLBoolean vgpu_eglDestroySurface(EGLDisplay display, EGLSurface surface) {
  return eglDestroySurface(display, surface);
}
static inline EGLBoolean vgpu_eglSwapBuffers(EGLDisplay display, EGLSurface surface) {
  return eglSwapBuffers(display, surface);
}
// eglSwapBuffersWithDamage of EGL_KHR_swap_buffers_with_damage or, without that, of
// EGL_EXT_swap_buffers_with_damage.
static inline EGLBoolean vgpu_eglSwapBuffersWithDamage(
    EGLDisplay display, EGLSurface surface, bool is_khr, const EGLint *rectangles, EGLint count) {
  return is_khr ? eglSwapBuffersWithDamageKHR(display, surface, (EGLint *)rectangles, count)
                : eglSwapBuffersWithDamageEXT(display, surface, (EGLint *)rectangles, count);
}
static inline EGLBoolean vgpu_eglQuerySurface(
    EGLDisplay display, EGLSurface surface, EGLint attribute, EGLint *value) {
  return eglQuerySurface(display, surface, attribute, value);
}
static inline EGLBoolean vgpu_eglSwapInterval(EGLDisplay display, EGLint interval) {
  return eglSwapInterval(display, interval);
}
static inline EGLBoolean vgpu_eglQueryDevicesEXT(
    EGLint size, EGLDeviceEXT *devices, EGLint *count) {
  return eglQueryDevicesEXT(size, devices, count);
}
static inline const char *vgpu_eglQueryDeviceStringEXT(EGLDeviceEXT device, EGLint name) {
  return eglQueryDeviceStringEXT(device, name);
}
static inline EGLBoolean vgpu_eglQueryDisplayAttribEXT(
    EGLDisplay display, EGLint attribute, EGLAttrib *value) {
  return eglQueryDisplayAttribEXT(display, attribute, value);
}
static inline EGLBoolean vgpu_eglQueryDmaBufFormatsEXT(
    EGLDisplay display, EGLint size, EGLint *formats, EGLint *count) {
  return eglQueryDmaBufFormatsEXT(display, size, formats, count);
}
static inline EGLBoolean vgpu_eglQueryDmaBufModifiersEXT(
    EGLDisplay display, EGLint format, EGLint size, EGLuint64KHR *modifiers,
    EGLBoolean *externalOnly, EGLint *count) {
  return eglQueryDmaBufModifiersEXT(display, format, size, modifiers, externalOnly, count);
}
static inline EGLImageKHR vgpu_eglCreateImageKHR(
    EGLDisplay display, EGLContext context, EGLenum target, EGLClientBuffer buffer,
    const EGLint *attributes) {
  return eglCreateImageKHR(display, context, target, buffer, attributes);
}
static inline EGLBoolean vgpu_eglExportDMABUFImageMESA(
    EGLDisplay display, EGLImageKHR image, int *fds, EGLint *strides, EGLint *offsets) {
  return eglExportDMABUFImageMESA(display, image, fds, strides, offsets);
}
static inline EGLBoolean vgpu_eglDestroyImageKHR(EGLDisplay display, EGLImageKHR image) {
  return eglDestroyImageKHR(display, image);
}

static inline GLenum vgpu_glGetError(void) { return glGetError(); }
static inline const GLubyte *vgpu_glGetString(GLenum name) { return glGetString(name); }
static inline void vgpu_glGetIntegerv(GLenum name, GLint *value) { glGetIntegerv(name, value); }
static inline GLuint vgpu_glCreateShader(GLenum type) { return glCreateShader(type); }
static inline void vgpu_glCompileShader(GLuint shader) { glCompileShader(shader); }
static inline void vgpu_glGetShaderiv(GLuint shader, GLenum name, GLint *value) {
  glGetShaderiv(shader, name, value);
}
static inline void vgpu_glGetShaderInfoLog(
    GLuint shader, GLsizei size, GLsizei *length, GLchar *log) {
  glGetShaderInfoLog(shader, size, length, log);
}
static inline void vgpu_glDeleteShader(GLuint shader) { glDeleteShader(shader); }
static inline GLuint vgpu_glCreateProgram(void) { return glCreateProgram(); }
static inline void vgpu_glAttachShader(GLuint program, GLuint shader) {
  glAttachShader(program, shader);
}
static inline void vgpu_glBindAttribLocation(GLuint program, GLuint index, const GLchar *name) {
  glBindAttribLocation(program, index, name);
}
static inline void vgpu_glLinkProgram(GLuint program) { glLinkProgram(program); }
static inline void vgpu_glGetProgramiv(GLuint program, GLenum name, GLint *value) {
  glGetProgramiv(program, name, value);
}
static inline void vgpu_glGetProgramInfoLog(
    GLuint program, GLsizei size, GLsizei *length, GLchar *log) {
  glGetProgramInfoLog(program, size, length, log);
}
static inline void vgpu_glDeleteProgram(GLuint program) { glDeleteProgram(program); }
static inline void vgpu_glUseProgram(GLuint program) { glUseProgram(program); }
static inline GLint vgpu_glGetUniformLocation(GLuint program, const GLchar *name) {
  return glGetUniformLocation(program, name);
}
static inline void vgpu_glUniform1i(GLint location, GLint value) { glUniform1i(location, value); }
static inline void vgpu_glUniform4f(GLint location, GLfloat x, GLfloat y, GLfloat z, GLfloat w) {
  glUniform4f(location, x, y, z, w);
}
static inline void vgpu_glGenBuffers(GLsizei count, GLuint *buffers) {
  glGenBuffers(count, buffers);
}
static inline void vgpu_glBindBuffer(GLenum target, GLuint buffer) { glBindBuffer(target, buffer); }
static inline void vgpu_glBufferData(
    GLenum target, GLsizeiptr size, const void *data, GLenum usage) {
  glBufferData(target, size, data, usage);
}
static inline void vgpu_glDeleteBuffers(GLsizei count, const GLuint *buffers) {
  glDeleteBuffers(count, buffers);
}
static inline void vgpu_glVertexAttribPointer(
    GLuint index, GLint size, GLenum type, GLboolean normalized, GLsizei stride,
    const void *pointer) {
  glVertexAttribPointer(index, size, type, normalized, stride, pointer);
}
static inline void vgpu_glEnableVertexAttribArray(GLuint index) {
  glEnableVertexAttribArray(index);
}
static inline void vgpu_glGenTextures(GLsizei count, GLuint *textures) {
  glGenTextures(count, textures);
}
static inline void vgpu_glActiveTexture(GLenum unit) { glActiveTexture(unit); }
static inline void vgpu_glBindTexture(GLenum target, GLuint texture) {
  glBindTexture(target, texture);
}
static inline void vgpu_glTexParameteri(GLenum target, GLenum name, GLint value) {
  glTexParameteri(target, name, value);
}
static inline void vgpu_glTexImage2D(
    GLenum target, GLint level, GLint internalFormat, GLsizei width, GLsizei height,
    GLint border, GLenum format, GLenum type, const void *pixels) {
  glTexImage2D(target, level, internalFormat, width, height, border, format, type, pixels);
}
static inline void vgpu_glTexSubImage2D(
    GLenum target, GLint level, GLint x, GLint y, GLsizei width, GLsizei height, GLenum format,
    GLenum type, const void *pixels) {
  glTexSubImage2D(target, level, x, y, width, height, format, type, pixels);
}
static inline void vgpu_glPixelStorei(GLenum name, GLint value) { glPixelStorei(name, value); }
static inline void vgpu_glDeleteTextures(GLsizei count, const GLuint *textures) {
  glDeleteTextures(count, textures);
}
static inline void vgpu_glEGLImageTargetTexture2DOES(GLenum target, GLeglImageOES image) {
  glEGLImageTargetTexture2DOES(target, image);
}
static inline void vgpu_glViewport(GLint x, GLint y, GLsizei width, GLsizei height) {
  glViewport(x, y, width, height);
}
static inline void vgpu_glScissor(GLint x, GLint y, GLsizei width, GLsizei height) {
  glScissor(x, y, width, height);
}
static inline void vgpu_glEnable(GLenum capability) { glEnable(capability); }
static inline void vgpu_glDisable(GLenum capability) { glDisable(capability); }
static inline void vgpu_glBlendFunc(GLenum source, GLenum destination) {
  glBlendFunc(source, destination);
}
static inline void vgpu_glClearColor(GLfloat red, GLfloat green, GLfloat blue, GLfloat alpha) {
  glClearColor(red, green, blue, alpha);
}
static inline void vgpu_glClear(GLbitfield mask) { glClear(mask); }
static inline void vgpu_glDrawArrays(GLenum mode, GLint first, GLsizei count) {
  glDrawArrays(mode, first, count);
}
static inline void vgpu_glGenFramebuffers(GLsizei count, GLuint *framebuffers) {
  glGenFramebuffers(count, framebuffers);
}
static inline void vgpu_glBindFramebuffer(GLenum target, GLuint framebuffer) {
  glBindFramebuffer(target, framebuffer);
}
static inline void vgpu_glFramebufferRenderbuffer(
    GLenum target, GLenum attachment, GLenum renderbufferTarget, GLuint renderbuffer) {
  glFramebufferRenderbuffer(target, attachment, renderbufferTarget, renderbuffer);
}
static inline GLenum vgpu_glCheckFramebufferStatus(GLenum target) {
  return glCheckFramebufferStatus(target);
}
static inline void vgpu_glDeleteFramebuffers(GLsizei count, const GLuint *framebuffers) {
  glDeleteFramebuffers(count, framebuffers);
}
static inline void vgpu_glGenRenderbuffers(GLsizei count, GLuint *renderbuffers) {
  glGenRenderbuffers(count, renderbuffers);
}
static inline void vgpu_glBindRenderbuffer(GLenum target, GLuint renderbuffer) {
  glBindRenderbuffer(target, renderbuffer);
}
static inline void vgpu_glRenderbufferStorage(
    GLenum target, GLenum format, GLsizei width, GLsizei height) {
  glRenderbufferStorage(target, format, width, height);
}
static inline void vgpu_glDeleteRenderbuffers(GLsizei count, const GLuint *renderbuffers) {
  glDeleteRenderbuffers(count, renderbuffers);
}
static inline void vgpu_glReadPixels(
    GLint x, GLint y, GLsizei width, GLsizei height, GLenum format, GLenum type, void *pixels) {
  glReadPixels(x, y, width, height, format, type, pixels);
}
static inline void vgpu_glFinish(void) { glFinish(); }
static inline GLenum vgpu_glGetGraphicsResetStatusKHR(void) {
  return glGetGraphicsResetStatusKHR();
}
static inline GLenum vgpu_glGetGraphicsResetStatusEXT(void) {
  return glGetGraphicsResetStatusEXT();
}

#endif
