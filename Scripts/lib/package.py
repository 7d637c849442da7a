# SPDX-License-Identifier: Apache-2.0
"""What scripts ask the Swift package, and its modules that are built."""
import json
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent.parent


def say(text):
    print(text, file=sys.stderr)


def die(thing, cause, remedy, code=1):
    say(f"{Path(sys.argv[0]).name}: {thing}: {cause}\n  -> {remedy}")
    sys.exit(code)


def run(*command, cwd=root):
    """Runs a command and returns its output, which is shown when the command fails."""
    result = subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        say(result.stdout)
        die(" ".join(command[:2]), f"exit code {result.returncode}", "see the command's output above")
    return result.stdout


def output(*command, cwd=root):
    return subprocess.run(command, cwd=cwd, text=True, check=True, stdout=subprocess.PIPE).stdout


def description(folder=root):
    """The manifest, as `swift package dump-package` prints it."""
    return json.loads(output("swift", "package", "dump-package", cwd=folder))


def library_modules(package):
    """The modules of the products for Swift. C programs see the header of the others alone."""
    return {
        module
        for product in package["products"]
        if product["type"].get("library") == ["automatic"]
        for module in product["targets"]
    }


def compiler_arguments(package, products, folder=root):
    """Arguments with which the compiler's tools find the modules that are built in `products`."""
    maps = [
        *products.glob("C*.build/module.modulemap"),
        *folder.glob(".build/checkouts/*/Sources/*/include/module.modulemap"),
        *folder.glob("Sources/C*/module.modulemap"),
    ]
    libraries = sorted({target["pkgConfig"] for target in package["targets"] if target.get("pkgConfig")})
    triple = json.loads(output("swiftc", "-print-target-info"))["target"]["triple"]
    arguments = ["-target", triple, "-sdk", "/", "-I", str(products / "Modules")]
    for flag in [f"-fmodule-map-file={map}" for map in maps] + output("pkg-config", "--cflags", *libraries).split():
        arguments += ["-Xcc", flag]
    # A header of one C module may include another's.
    for include in sorted(folder.glob("Sources/C*/include")):
        arguments += ["-Xcc", f"-I{include}"]
    return arguments


def write_symbol_graphs(module, arguments, graphs):
    """Writes the public symbols of a built module into a folder that is made."""
    graphs.mkdir(parents=True)
    run(
        "swift-symbolgraph-extract", "-module-name", module, *arguments, "-minimum-access-level", "public",
        "-skip-synthesized-members", "-emit-extension-block-symbols", "-output-dir", str(graphs),
    )  # fmt: skip


def symbols(graphs):
    """Each public symbol of the graphs below a folder."""
    for file in sorted(graphs.glob("**/*.symbols.json")):
        yield from json.loads(file.read_text())["symbols"]
