import { rawJson } from '../json/raw-json.js'
import { errorCodes } from '../protocol/error-codes.js'
import type { RawJson } from './era-server.js'

/** An answer that is an error. */
export interface EraFailure {
  readonly error: RawJson
  readonly code: number
}

/** An error of the translation itself. */
export function failed(message: string, code: number = errorCodes.internalError, data?: unknown): EraFailure {
  return { error: rawJson(JSON.stringify({ code, message, ...(data === undefined ? {} : { data }) })), code }
}
