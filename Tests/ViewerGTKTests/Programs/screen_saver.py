#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# A screen saver of the session bus (org.freedesktop.ScreenSaver) that only tells what it is asked for. Like
# real ones it lets a hold go with its owner's connection.
import sys

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib

NODE = Gio.DBusNodeInfo.new_for_xml(
    """<node><interface name='org.freedesktop.ScreenSaver'>
  <method name='Inhibit'><arg type='s' direction='in'/><arg type='s' direction='in'/>
    <arg type='u' direction='out'/></method>
  <method name='UnInhibit'><arg type='u' direction='in'/></method>
</interface></node>"""
)
holds = {}


def tell(*words):
    print(*words, flush=True)


def called(connection, sender, path, interface, method, arguments, invocation):
    values = arguments.unpack()
    if method == "Inhibit":
        cookie = 70000 + len(holds)
        holds[cookie] = sender
        tell("inhibit", *values)
        Gio.bus_watch_name_on_connection(
            connection, sender, Gio.BusNameWatcherFlags.NONE, None, lambda *_: lost(cookie)
        )
        invocation.return_value(GLib.Variant("(u)", (cookie,)))
    else:
        tell("uninhibit" if holds.pop(values[0], None) == sender else "unknown")
        invocation.return_value(None)


def lost(cookie):
    if holds.pop(cookie, None):
        tell("lost")


bus = Gio.bus_get_sync(Gio.BusType.SESSION)
bus.register_object("/org/freedesktop/ScreenSaver", NODE.interfaces[0], called, None, None)
Gio.bus_own_name_on_connection(
    bus, "org.freedesktop.ScreenSaver", Gio.BusNameOwnerFlags.NONE, lambda *_: tell("ready"), None
)
GLib.MainLoop().run()
