// SPDX-License-Identifier: Apache-2.0
//
// The types of vgpu-gtk3.h's enumerations, for properties, GtkBuilder and bindings.

#include "CViewGTK3.h"

#define VALUE(symbol, nick) {symbol, #symbol, nick}

// Each type is made once, whichever thread comes first.
#define DEFINE_ENUMERATION(TypeName, type_name, ...)                          \
  GType type_name##_get_type(void) {                                          \
    static gsize type = 0;                                                    \
    if (g_once_init_enter(&type)) {                                           \
      static const GEnumValue values[] = {__VA_ARGS__, {0, NULL, NULL}};      \
      g_once_init_leave(&type, g_enum_register_static(#TypeName, values));    \
    }                                                                         \
    return type;                                                              \
  }

DEFINE_ENUMERATION(
    VgpuScaling, vgpu_scaling, VALUE(VGPU_SCALING_FIT, "fit"),
    VALUE(VGPU_SCALING_INTEGER, "integer"), VALUE(VGPU_SCALING_ONE_TO_ONE, "one-to-one"),
    VALUE(VGPU_SCALING_FILL, "fill"))

DEFINE_ENUMERATION(
    VgpuInput, vgpu_input, VALUE(VGPU_INPUT_NONE, "none"), VALUE(VGPU_INPUT_GUEST, "guest"),
    VALUE(VGPU_INPUT_SIGNALS, "signals"))

DEFINE_ENUMERATION(
    VgpuViewState, vgpu_view_state, VALUE(VGPU_VIEW_STATE_EMPTY, "empty"),
    VALUE(VGPU_VIEW_STATE_WAITING, "waiting"), VALUE(VGPU_VIEW_STATE_SHOWING, "showing"),
    VALUE(VGPU_VIEW_STATE_FAILED, "failed"))

DEFINE_ENUMERATION(
    VgpuPath, vgpu_path, VALUE(VGPU_PATH_NONE, "none"), VALUE(VGPU_PATH_IMPORT, "import"),
    VALUE(VGPU_PATH_UPLOAD, "upload"), VALUE(VGPU_PATH_CAIRO, "cairo"),
    VALUE(VGPU_PATH_DIRECT, "direct"))

DEFINE_ENUMERATION(
    VgpuViewError, vgpu_view_error, VALUE(VGPU_VIEW_ERROR_ARGUMENT, "argument"),
    VALUE(VGPU_VIEW_ERROR_NOT_FOUND, "not-found"),
    VALUE(VGPU_VIEW_ERROR_NOT_RUNNING, "not-running"),
    VALUE(VGPU_VIEW_ERROR_NOT_PERMITTED, "not-permitted"),
    VALUE(VGPU_VIEW_ERROR_AMBIGUOUS, "ambiguous"),
    VALUE(VGPU_VIEW_ERROR_NO_DISPLAY, "no-display"),
    VALUE(VGPU_VIEW_ERROR_NO_PICTURE, "no-picture"),
    VALUE(VGPU_VIEW_ERROR_UNSUPPORTED, "unsupported"), VALUE(VGPU_VIEW_ERROR_SYSTEM, "system"),
    VALUE(VGPU_VIEW_ERROR_IN_USE, "in-use"))

// A view's errors are made of vgpu.h's.
G_STATIC_ASSERT((int)VGPU_VIEW_ERROR_ARGUMENT == (int)VGPU_ERROR_ARGUMENT);
G_STATIC_ASSERT((int)VGPU_VIEW_ERROR_NOT_FOUND == (int)VGPU_ERROR_NOT_FOUND);
G_STATIC_ASSERT((int)VGPU_VIEW_ERROR_NOT_RUNNING == (int)VGPU_ERROR_NOT_RUNNING);
G_STATIC_ASSERT((int)VGPU_VIEW_ERROR_NOT_PERMITTED == (int)VGPU_ERROR_NOT_PERMITTED);
G_STATIC_ASSERT((int)VGPU_VIEW_ERROR_AMBIGUOUS == (int)VGPU_ERROR_AMBIGUOUS);
G_STATIC_ASSERT((int)VGPU_VIEW_ERROR_NO_DISPLAY == (int)VGPU_ERROR_NO_DISPLAY);
G_STATIC_ASSERT((int)VGPU_VIEW_ERROR_NO_PICTURE == (int)VGPU_ERROR_NO_PICTURE);
G_STATIC_ASSERT((int)VGPU_VIEW_ERROR_UNSUPPORTED == (int)VGPU_ERROR_UNSUPPORTED);
G_STATIC_ASSERT((int)VGPU_VIEW_ERROR_SYSTEM == (int)VGPU_ERROR_SYSTEM);
G_STATIC_ASSERT((int)VGPU_VIEW_ERROR_IN_USE == (int)VGPU_ERROR_IN_USE);
