// SPDX-License-Identifier: Apache-2.0

extension GuestConfiguration {
  /// The options for UEFI's flash memory.
  var firmwareOptions: [String] {
    guard case .uefi(let code, let variables) = firmware else { return [] }
    // Only the firmware's code in system management mode can then write to the flash memory.
    let guarded = hasSecureBoot ? ["-global", "driver=cfi.pflash01,property=secure,value=on"] : []
    return guarded + [
      "-drive", "if=pflash,unit=0,readonly=on,\(Self.fileOption(code))",
      "-drive", "if=pflash,unit=1,\(Self.fileOption(variables))",
    ]
  }

  /// The options for the TPM.
  var tpmOptions: [String] {
    guard let tpm, let socket = tpm.socket else { return [] }
    return [
      "-chardev", "socket,id=tpmsocket,path=\(Self.escaped(socket))",
      "-tpmdev", "emulator,id=tpm0,chardev=tpmsocket",
      "-device", "\(tpm.model.rawValue),tpmdev=tpm0",
    ]
  }
}
