import { isMediaType, isRefusal, Refusal } from '@mcp-gateway/core/internal'
import { readBody } from './read-body.js'

/** Reads a JSON body. Its type must say so, which a form on another site cannot. */
export async function readJson(request: Request): Promise<unknown> {
  if (!isMediaType(request.headers.get('content-type'), 'application/json')) {
    const text = 'The Content-Type must be application/json, and its charset utf-8 if it names one'
    throw new Refusal(400, 'invalid_client_metadata', text)
  }
  try {
    return JSON.parse(await readBody(request))
  } catch (error) {
    if (isRefusal(error)) throw error
    throw new Refusal(400, 'invalid_client_metadata', 'The body is not JSON')
  }
}
