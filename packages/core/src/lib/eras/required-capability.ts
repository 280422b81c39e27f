import { isObjectOrList } from '../json/is-object.js'
import { member } from '../json/json-scan.js'
import { parseSpan } from '../json/raw-json.js'
import type { EraRequest, RawJson } from './era-server.js'

/**
 * What a client must have declared to be asked this, in the shape of `requiredCapabilities`; `undefined` where it has.
 */
export function missingCapability(request: EraRequest, capabilities: RawJson): Record<string, object> | undefined {
  const declared = parseSpan(capabilities, { start: 0, end: capabilities.length }) as Declared | null | undefined
  switch (request.method) {
    case 'elicitation/create': {
      const { elicitation } = declared ?? {}
      if (!isObjectOrList(elicitation)) return { elicitation: isByUrl(request) ? { url: {} } : { form: {} } }
      if (isByUrl(request)) return isObjectOrList(elicitation.url) ? undefined : { elicitation: { url: {} } }
      // Revisions before 2025-11-25 know forms alone, and declare them by an empty object
      const hasForms = isObjectOrList(elicitation.form) || !isObjectOrList(elicitation.url)
      return hasForms ? undefined : { elicitation: { form: {} } }
    }
    case 'sampling/createMessage': {
      const { sampling } = declared ?? {}
      const needsTools = hasMember(request, 'tools') || hasMember(request, 'toolChoice')
      if (!isObjectOrList(sampling)) return { sampling: needsTools ? { tools: {} } : {} }
      return needsTools && !isObjectOrList(sampling.tools) ? { sampling: { tools: {} } } : undefined
    }
    default:
      return isObjectOrList(declared?.roots) ? undefined : { roots: {} }
  }
}

interface Declared {
  readonly elicitation?: unknown
  readonly sampling?: unknown
  readonly roots?: unknown
}

function isByUrl({ params }: EraRequest): boolean {
  return params !== undefined && parseSpan(params, member(params, whole(params), 'mode')) === 'url'
}

function hasMember({ params }: EraRequest, key: string): boolean {
  return params !== undefined && member(params, whole(params), key) !== undefined
}

function whole(bytes: Uint8Array): { start: number; end: number } {
  return { start: 0, end: bytes.length }
}
