import { readBody } from './read-body.js'
import { Refusal } from './refusal.js'

/** Reads a JSON body. Its type must say so, which a form on another site cannot. */
export async function readJson(request: Request): Promise<unknown> {
  const type = (request.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    throw new Refusal(400, 'invalid_client_metadata', 'The Content-Type must be application/json')
  }
  try {
    return JSON.parse(await readBody(request))
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal(400, 'invalid_client_metadata', 'The body is not JSON')
  }
}
