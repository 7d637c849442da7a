// SPDX-License-Identifier: Apache-2.0

public import Foundation
public import Testing

/// The descriptions of the command's JSON, `docs/schemas`.
public enum JSONSchema {
  /// The folder of the descriptions.
  public static let folder = CLibraries.package.appendingPathComponent("docs/schemas")

  /// What is wrong with a JSON text by a description; empty when nothing is.
  ///
  /// The command's own output must fit closer than a later version's needs to: it has no key and no
  /// word (`x-known-values`) that the description lacks.
  ///
  /// - Parameter name: the description's file, without its extension.
  public static func problems(of json: Data, by name: String) throws -> String {
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("json-\(UUID().uuidString)")
    try json.write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let schema = folder.appendingPathComponent("\(name).json").path
    let answer = try Program.run(["/usr/bin/python3", "-c", validator, schema, file.path])
    return answer.code == 0 ? "" : "\(name): \(answer.text)"
  }

  /// Expects a JSON text to fit a description.
  public static func expect(
    _ json: Data, fits name: String, location: SourceLocation = #_sourceLocation
  ) throws {
    let problems = try problems(of: json, by: name)
    #expect(problems.isEmpty, "\(problems)", sourceLocation: location)
  }

  private static let validator = """
    import json, sys
    from jsonschema import Draft202012Validator

    def strict(part):
        if isinstance(part, list):
            return [strict(item) for item in part]
        if not isinstance(part, dict):
            return part
        part = {key: strict(value) for key, value in part.items()}
        if "x-known-values" in part:
            part["enum"] = part["x-known-values"]
        if part.get("type") == "object":
            part["additionalProperties"] = False
        return part

    schema = json.load(open(sys.argv[1]))
    Draft202012Validator.check_schema(schema)
    errors = list(Draft202012Validator(strict(schema)).iter_errors(json.load(open(sys.argv[2]))))
    for error in errors:
        print("/".join(map(str, error.absolute_path)) + ": " + error.message[:300])
    sys.exit(1 if errors else 0)
    """
}

extension Trait where Self == ConditionTrait {
  /// Skips a test where descriptions of JSON cannot be read.
  public static var needsJSONSchema: Self {
    needs(
      "python3-jsonschema: Scripts/setup test installs it",
      if: (try? Program.run(["/usr/bin/python3", "-c", "import jsonschema"]).code) == 0)
  }
}
