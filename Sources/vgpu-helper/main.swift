// SPDX-License-Identifier: Apache-2.0

import CProcess
import ErrorKinds
import Glibc
import HostChanges
import SafeText
import SystemPackage

// pkexec(1) runs this as root for users whom polkit has given one kind of change. Everything here comes from
// such a user: the words, the limits, what the signals do, the open files.

/// Says why, and ends.
func end(_ reason: String, code: Int32) -> Never {
  _ = try? FileDescriptor.standardError.writeAll(Array((PlainText.paragraph(reason) + "\n").utf8))
  exit(code)
}

vgpu_begin_as_helper()
do {
  let change = try ChangeWords.change(in: Array(CommandLine.arguments.dropFirst()))
  let outcome = try change.carryOutForUser()
  // The change is made, whether or not somebody reads this.
  _ = try? FileDescriptor.standardOutput.writeAll(OutcomeLines.text(of: outcome).utf8)
} catch let refusal as HelperRefusal {
  end(HostChangeError.helper(refusal).description, code: ErrorClass.Kind.argument.exitCode)
} catch {
  end("\(error)", code: ErrorClass(of: error).kind.exitCode)
}
