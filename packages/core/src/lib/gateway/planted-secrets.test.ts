import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { createLogger } from '../logging/create-logger.js'
import { proxy } from '../proxy/proxy.js'
import { memoryStorage } from '../storage/memory-storage.js'
import { fakeIssuer } from '../testing/fake-issuer.js'
import { mcpRequest } from '../testing/mcp-request.js'
import { createGateway } from './create-gateway.js'

const planted = (where: string) => `planted-${where}-7Qx2`

/** Upstreams of every kind of failure, with a key wherever a URL can have one. */
function upstreams(): Record<string, { url: string; fetch: typeof fetch }> {
  const refused = Object.assign(new TypeError('fetch failed'), { code: 'ECONNREFUSED' })
  const redirect = (location: string) => async () => new Response(null, { status: 307, headers: { location } })
  const url = `https://up.example/mcp?key=${planted('query')}`
  return {
    '/away': { url, fetch: () => Promise.reject(refused) },
    '/broken': { url, fetch: () => Promise.reject(new TypeError(`cannot read ${url}`)) },
    '/redirect': {
      url,
      fetch: redirect(`https://u:${planted('user')}@up.example/login?k=${planted('target')}#${planted('fragment')}`),
    },
    '/relative': { url, fetch: redirect(`/login;s?k=${planted('relative')}`) },
    '/refusing': { url, fetch: async () => new Response(planted('body'), { status: 401 }) },
  }
}

test.each(['createLogger', 'a logger that redacts nothing'])(
  'no line of a gateway holds a secret of a URL, with %s [finding 21]',
  async (kind) => {
    const lines: string[] = []
    const raw = (fields: Record<string, unknown>, message: string) =>
      void lines.push(`${message} ${JSON.stringify(fields)} ${inspect(fields, { depth: 5 })}`)
    const logger =
      kind === 'createLogger'
        ? createLogger({ level: 'debug', write: (line) => lines.push(line) })
        : { debug: raw, info: raw, warn: raw, error: raw }
    const issuer = fakeIssuer()
    const targets = upstreams()
    if (kind !== 'createLogger') delete targets['/broken'] // An error of somebody else is theirs to word
    const gateway = createGateway({
      url: 'https://mcp.test',
      auth: { issuer: issuer.issuer, fetch: async (target) => issuer.fetch(new Request(target)) },
      servers: Object.fromEntries(
        Object.entries(targets).map(([path, { url, fetch }]) => [path, proxy(url, { fetch })]),
      ),
      storage: memoryStorage(),
      logger,
    })
    for (const path of Object.keys(targets)) {
      const url = `https://mcp.test${path}`
      const token = await issuer.token({
        resource: url,
        subject: 'ada',
        clientId: `https://client.example/c.json?secret=${planted('client')}`,
      })
      const response = await gateway.fetch(
        mcpRequest({ url: `${url}?debug=${planted('request')}`, token, method: 'tools/list' }),
      )
      lines.push(await response.text())
    }
    expect(lines.length).toBeGreaterThan(2 * Object.keys(targets).length)
    expect(lines.filter((line) => line.includes('up.example/mcp')).length).toBeGreaterThan(0)
    expect(lines.filter((line) => line.includes('7Qx2'))).toEqual([])
  },
)
