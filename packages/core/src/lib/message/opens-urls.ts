import type { Message } from '../contract/message.js'
import { metaKeys } from '../protocol/meta-keys.js'
import { factsOf } from '../protocol/revisions.js'

/** Whether a request declares that its client can open URLs: in `_meta` (modern), or as `initialize` does (legacy). */
export function opensUrls(message: Message | undefined): boolean {
  const params = message?.kind === 'request' ? message.json().params : undefined
  if (message?.era === 'modern') {
    return hasUrlMode(own(params?._meta, metaKeys.clientCapabilities))
  }
  if (message?.method !== 'initialize' || !knowsUrls(String(params?.protocolVersion))) return false
  return hasUrlMode(params?.capabilities)
}

/** Whether a server of this revision may ask its client to open a URL. */
export function knowsUrls(version: string): boolean {
  return factsOf(version).urlElicitation !== 'none'
}

function hasUrlMode(capabilities: unknown): boolean {
  const mode = own(own(capabilities, 'elicitation'), 'url')
  return typeof mode === 'object' && mode !== null
}

function own(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined
}
