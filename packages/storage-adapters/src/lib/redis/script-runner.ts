/** What is used of a client of ioredis, 5 or 6, single or cluster. */
export interface IoredisClient {
  get(key: string): Promise<string | null>
  eval(script: string, numkeys: number, ...keysAndArguments: string[]): Promise<unknown>
  evalsha(sha1: string, numkeys: number, ...keysAndArguments: string[]): Promise<unknown>
}

/** What is used of a client of node-redis, 5 or 6: client, pool, cluster or sentinel. */
export interface NodeRedisClient {
  get(key: string): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  evalSha(sha1: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** Runs a script on one key in one round trip. */
export type ScriptRunner = (script: string, key: string, parameters: string[]) => Promise<unknown>

/**
 * Sends the digest of a script instead of its text; the text goes along only when the server does not know it: the
 * first time, after a restart, after a fail-over.
 */
export function createScriptRunner(client: IoredisClient | NodeRedisClient): ScriptRunner {
  const digests = new Map<string, string>()
  const byDigest = (digest: string, key: string, parameters: string[]) =>
    'evalSha' in client
      ? client.evalSha(digest, { keys: [key], arguments: parameters })
      : client.evalsha(digest, 1, key, ...parameters)
  const byText = (script: string, key: string, parameters: string[]) =>
    'evalSha' in client
      ? client.eval(script, { keys: [key], arguments: parameters })
      : client.eval(script, 1, key, ...parameters)
  const learn = async (script: string) => {
    const digest = await sha1(script)
    digests.set(script, digest)
    return digest
  }
  return (script, key, parameters) => {
    const digest = digests.get(script)
    const reply =
      digest === undefined
        ? learn(script).then((learned) => byDigest(learned, key, parameters))
        : byDigest(digest, key, parameters)
    return reply.catch((error: unknown) => {
      // The server ran nothing, so that sending it once more cannot apply it twice.
      if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return byText(script, key, parameters)
      throw error
    })
  }
}

async function sha1(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
