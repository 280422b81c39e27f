/** What was found of a response without parsing it. */
export interface Envelope {
  readonly id: string | number | null
}

/**
 * Looks for the id of a JSON-RPC response in the two places where implementations write it: in front of the result or
 * directly before the last brace. A quote before a trailing id cannot be inside a string, and the last brace closes the
 * top level, so both places are exact. Answers `undefined` where it is unsure; the caller then parses.
 */
export function readEnvelope(bytes: Uint8Array): Envelope | undefined {
  return fromHead(bytes) ?? fromTail(bytes)
}

const latin1 = new TextDecoder('latin1')
const idPattern = String.raw`(-?\d{1,15}|"[\x20-\x21\x23-\x5b\x5d-\x7e]{0,200}")`
const space = String.raw`[ \t\r\n]{0,8}`
const member = (key: string, value: string) => `"${key}"${space}:${space}${value}`
const separator = `${space},${space}`
const versionMember = member('jsonrpc', '"2\\.0"')

const headPattern = new RegExp(
  `^${space}\\{${space}(?:${versionMember}${separator})?${member('id', idPattern)}${separator}(?:${versionMember}${separator})?"(?:result|error)"${space}:`,
)

function fromHead(bytes: Uint8Array): Envelope | undefined {
  const match = headPattern.exec(latin1.decode(bytes.subarray(0, 400)))
  return match?.[1] === undefined ? undefined : { id: JSON.parse(match[1]) }
}

const startPattern = new RegExp(
  `^${space}\\{${space}(?:${versionMember}${separator})?"(?:result|error)"${space}:${space}[\\{\\[]`,
)
const tailPattern = new RegExp(
  `[\\}\\]]${separator}(?:${versionMember}${separator})?${member('id', idPattern)}(?:${separator}${versionMember})?${space}\\}${space}$`,
)

function fromTail(bytes: Uint8Array): Envelope | undefined {
  if (!startPattern.test(latin1.decode(bytes.subarray(0, 100)))) return undefined
  const match = tailPattern.exec(latin1.decode(bytes.subarray(Math.max(0, bytes.length - 400))))
  return match?.[1] === undefined ? undefined : { id: JSON.parse(match[1]) }
}
