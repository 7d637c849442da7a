// SPDX-License-Identifier: Apache-2.0

import CLibvirt

/// What a domain does (virDomainState).
public enum LibvirtDomainState: Hashable, Sendable {
  /// It runs, or waits for its host.
  case running
  /// It is stopped, and can go on.
  case paused
  /// Its guest has been asked to power off, or does so.
  case shuttingDown
  /// No process runs it.
  case shutOff
  /// It ended by a fault.
  case crashed
  /// Its guest sleeps.
  case suspended
  /// Something that this library does not know.
  case other(Int32)

  init(_ state: Int32) {
    switch virDomainState(rawValue: UInt32(bitPattern: state)) {
    case VIR_DOMAIN_RUNNING, VIR_DOMAIN_BLOCKED: self = .running
    case VIR_DOMAIN_PAUSED: self = .paused
    case VIR_DOMAIN_SHUTDOWN: self = .shuttingDown
    case VIR_DOMAIN_SHUTOFF: self = .shutOff
    case VIR_DOMAIN_CRASHED: self = .crashed
    case VIR_DOMAIN_PMSUSPENDED: self = .suspended
    default: self = .other(state)
    }
  }
}
