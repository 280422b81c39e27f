import type { Message } from '../contract/message.js'
import type { RecordedAnswer } from '../contract/request-record.js'
import { isObject } from '../json/is-object.js'
import { member } from '../json/json-scan.js'
import { parseSpan } from '../json/raw-json.js'
import { messageParts } from './message-parts.js'

/** Up to here a response has been parsed; of a longer one the members are told apart, without looking into its values. */
const parsedUpTo = 4096

/** What a response says of its request: whether it worked, and with which code it did not. */
export function answerOf(response: Message): RecordedAnswer {
  const bytes = response.bytes.length
  const { error, isError, resultType } = bytes > parsedUpTo ? scanned(response.bytes) : parsed(response)
  if (error !== undefined)
    return typeof error.code === 'number' ? { kind: 'error', code: error.code, bytes } : { kind: 'error', bytes }
  if (isError === true) return { kind: 'tool_error', bytes }
  return { kind: resultType === 'input_required' ? 'input_required' : 'result', bytes }
}

interface Outcome {
  readonly error?: { readonly code?: unknown }
  readonly isError?: unknown
  readonly resultType?: unknown
}

function parsed(response: Message): Outcome {
  const { error, result } = response.json()
  if (error !== undefined) return { error: isObject(error) ? error : {} }
  return isObject(result) ? { isError: result.isError, resultType: result.resultType } : {}
}

function scanned(bytes: Uint8Array): Outcome {
  const parts = messageParts(bytes)
  if ('why' in parts) return {}
  const value = (name: string, of = parts.result) => {
    const span = member(bytes, of, name)
    return span === undefined ? undefined : parseSpan(bytes, span)
  }
  if (parts.error !== undefined) return { error: { code: value('code', parts.error) } }
  return { isError: value('isError'), resultType: value('resultType') }
}
