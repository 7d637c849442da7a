#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small VM manager: libvirt's domains in a list, their consoles in tabs that scroll.

    /usr/bin/python3 manager.py [URI]

Starts and stops domains, sends Ctrl+Alt+Del, asks a guest for another size, saves what it shows. Needs
python3-gi, gir1.2-gtk-3.0, python3-libvirt and gir1.2-libvirt-glib-1.0, which are for the distribution's own
Python.
"""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("LibvirtGLib", "1.0")
gi.require_version("VgpuGtk", "3.0")
import libvirt  # noqa: E402
from gi.repository import Gtk, LibvirtGLib, VgpuGtk  # noqa: E402

CTRL_ALT_DEL = [29, 56, 111]
SIZES = ["640x480", "800x600", "1024x768", "1280x720", "1920x1080"]


class Console(Gtk.ScrolledWindow):
    """A domain's screen, pixel for pixel: a guest that is larger than the tab scrolls."""

    def __init__(self, name, on_change):
        super().__init__()
        self.name = name
        # The view waits for a domain that does not run, follows it from one start to the next, and passes
        # keyboard and mouse on by libvirt.
        self.view = VgpuGtk.View(
            scaling=VgpuGtk.Scaling.ONE_TO_ONE, input=VgpuGtk.Input.GUEST, resize_guest=True, wait=True
        )
        self.add(self.view)
        for change in ("notify::state", "notify::guest-width", "notify::process", "notify::grabbed"):
            self.view.connect(change, lambda *_: on_change())
        self.view.connect("failed", lambda *_: on_change())

    def open(self):
        """Shows the domain; the view itself says why it cannot."""
        self.view.set_property("target", f"libvirt:{self.name}")

    @property
    def status(self):
        """A line for a person."""
        view = self.view.props
        if view.state != VgpuGtk.ViewState.SHOWING:
            return view.message or "opening"
        text = f"{view.guest_width}x{view.guest_height}, process {view.process}"
        return f"{text}; {view.input_message}" if view.input_message else text


class Manager(Gtk.Window):
    """The window: domains at the left, consoles at the right."""

    def __init__(self, connection):
        super().__init__(title="Domains", default_width=1000, default_height=700)
        self.connection = connection
        self.rows = {}
        self.list = Gtk.ListBox()
        self.list.connect("row-activated", lambda _, row: self.show_console(row.name))
        self.tabs = Gtk.Notebook(scrollable=True)
        self.tabs.connect("switch-page", lambda *_: self.update())
        self.status = Gtk.Label(xalign=0, margin=4, ellipsize=3)
        panes = Gtk.Paned(position=180)
        panes.pack1(self.list, resize=False, shrink=False)
        panes.pack2(self.tabs, resize=True, shrink=False)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL)
        # Not the window's title bar, which a full screen hides.
        box.pack_start(self.make_bar(), False, False, 0)
        box.pack_start(panes, True, True, 0)
        box.pack_start(self.status, False, False, 0)
        self.add(box)
        connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lambda *_: self.list_domains(), None
        )
        self.list_domains()

    def make_bar(self):
        """What can be done with the chosen domain."""
        bar = Gtk.ActionBar()
        self.sizes = Gtk.ComboBoxText()
        for size in SIZES:
            self.sizes.append_text(size)
        self.sizes.connect("changed", lambda _: self.resize())
        for label, action in (
            ("_Start", lambda: self.chosen().create()),
            ("S_hut down", lambda: self.chosen().shutdown()),
            ("_Force off", lambda: self.chosen().destroy()),
            ("_Ctrl+Alt+Del", lambda: self.console().view.send_keys(CTRL_ALT_DEL)),
            ("Save _picture", self.save_picture),
        ):
            button = Gtk.Button(label=label, use_underline=True)
            button.connect("clicked", lambda _, action=action: self.attempt(action))
            bar.pack_start(button)
        bar.pack_end(self.sizes)
        return bar

    def attempt(self, action):
        """Does something, and tells what went wrong in the line at the bottom."""
        try:
            action()
        except (libvirt.libvirtError, gi.repository.GLib.Error, LookupError) as error:
            self.status.set_text(str(error))

    def chosen(self):
        """The domain whose row is chosen, or else the one whose console is shown."""
        row = self.list.get_selected_row()
        name = row.name if row else self.console().name
        return self.connection.lookupByName(name)

    def console(self):
        """The console that is shown."""
        page = self.tabs.get_current_page()
        if page < 0:
            raise LookupError("no console is open: choose a domain")
        return self.tabs.get_nth_page(page)

    def list_domains(self):
        """Brings the list up to date; libvirt's events call it."""
        domains = {domain.name(): domain for domain in self.connection.listAllDomains()}
        for name in self.rows.keys() - domains.keys():
            self.rows.pop(name).destroy()
        for name, domain in sorted(domains.items()):
            if name not in self.rows:
                row = Gtk.ListBoxRow()
                row.name = name
                row.add(Gtk.Label(xalign=0, margin=8))
                row.show_all()
                self.list.add(row)
                self.rows[name] = row
            self.rows[name].get_child().set_text(f"{name}: {'running' if domain.isActive() else 'off'}")

    def show_console(self, name):
        """The console of a domain, in a tab of its own."""
        for page in range(self.tabs.get_n_pages()):
            if self.tabs.get_nth_page(page).name == name:
                self.tabs.set_current_page(page)
                return
        console = Console(name, self.update)
        console.show_all()
        self.tabs.set_current_page(self.tabs.append_page(console, Gtk.Label(label=name)))
        console.open()
        console.view.grab_focus()

    def resize(self):
        """Gives the guest a monitor of the chosen size; a guest's driver may look at it only when it starts."""
        width, height = map(int, self.sizes.get_active_text().split("x"))
        self.attempt(lambda: self.console().view.resize_guest(width, height))

    def save_picture(self):
        """The guest's exact pixels, as a file in the working folder."""
        console = self.console()
        file = f"{console.name}.png"
        console.view.get_pixbuf().savev(file, "png", [], [])
        self.status.set_text(f"saved {file}")

    def update(self):
        """The line at the bottom."""
        page = self.tabs.get_current_page()
        console = self.tabs.get_nth_page(page) if page >= 0 else None
        self.status.set_text(console.status if console else "")
        self.set_title(f"{console.name}: {console.status}" if console else "Domains")


def main():
    """The command."""
    LibvirtGLib.init(None)
    LibvirtGLib.event_register()
    try:
        connection = libvirt.open(sys.argv[1] if len(sys.argv) > 1 else None)
    except libvirt.libvirtError as error:
        sys.exit(f"manager.py: {error}")
    window = Manager(connection)
    window.connect("destroy", Gtk.main_quit)
    window.show_all()
    Gtk.main()


main()
