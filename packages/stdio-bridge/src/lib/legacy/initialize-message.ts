import type { Message } from '@mcp-gateway/core'

/** The revision that a server agreed to in its answer to `initialize`; `undefined` for an error. */
export function agreedVersion(bytes: Buffer): string | undefined {
  try {
    const { result } = JSON.parse(bytes.toString('utf8'))
    return typeof result?.protocolVersion === 'string' ? result.protocolVersion : undefined
  } catch {
    return undefined
  }
}

/** The same `initialize` from a client that can do nothing for the server. */
export function withoutCapabilities(message: Message): Message {
  const json = message.json()
  return message.with({ ...json, params: { ...json.params, capabilities: {} } })
}
