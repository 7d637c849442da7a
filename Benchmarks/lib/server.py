# SPDX-License-Identifier: Apache-2.0
"""A display server of a measurement's own."""
import os, shutil, subprocess, tempfile, time


class Server:
    """A display server in memory with a screen of a picture's size."""

    def __init__(self, kind, picture):
        # Without a window manager, a window on X11 has its title bar in any case.
        width, height = picture if kind == "wayland" else (picture[0] + 200, picture[1] + 200)
        self.folder = tempfile.mkdtemp(prefix="measured-")
        self.environment = dict(os.environ)
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            self.environment.pop(name, None)
        self.environment["XDG_RUNTIME_DIR"] = self.folder
        if kind == "wayland":
            command = ["weston", "--backend=headless-backend.so", "--use-gl", f"--width={width}", f"--height={height}",
                       "--socket=screen", "--no-config", "--idle-time=0"]
            self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.environment.update(WAYLAND_DISPLAY="screen", GDK_BACKEND="wayland")
            while not os.path.exists(f"{self.folder}/screen"):
                time.sleep(0.1)
        else:
            command = ["Xvfb", "-displayfd", "1", "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            number = self.process.stdout.readline().decode().strip()
            self.environment.update(DISPLAY=f":{number}", GDK_BACKEND="x11")
        time.sleep(1)

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
