import { createGateway } from '@mcp-gateway/core/gateway'
import { expect, test } from 'vitest'
import { authorizePath, form, issuer, pkce, redirectUri, register, resource, setUp } from '../../../test/fixture.js'
import type { AuthorizationServerOptions } from '../server/options.js'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** A person's way through the pages, by what the pages say. */
async function walk(options: Partial<AuthorizationServerOptions> = {}, clientName = 'Claude') {
  const setup = setUp(options)
  const client = await register(setup, { client_name: clientName })
  const path = authorizePath(client.client_id as string, pkce().challenge)
  const jar = new Map<string, string>()
  const keep = (response: Response) => {
    for (const line of response.headers.getSetCookie())
      jar.set(line.split('=')[0] as string, line.split(';')[0] as string)
    return response
  }
  const cookie = () => ({ cookie: [...jar.values()].join('; ') })
  const consent = await keep(await setup.call(path)).text()
  const transaction = /name="transaction" value="([^"]+)"/.exec(consent)?.[1] ?? ''
  const step = keep(await setup.call('/consent', form({ transaction, decision: 'approve' }, cookie())))
  const { pathname, search, searchParams } = new URL(step.headers.get('location') ?? '')
  const login = await keep(await setup.call(pathname + search, { headers: cookie() })).text()
  const state = searchParams.get('state') ?? ''
  const answer = (fields: Record<string, string>) => setup.call('/login', form({ state, ...fields }, cookie()))
  const signIn = async () => keep(await answer({ username: 'alice' }))
  const again = async () => (await setup.call(path, { headers: cookie() })).text()
  return { setup, consent, login, answer, signIn, again }
}

const heading = (page: string) =>
  (/<h1>(.*?)<\/h1>/.exec(page)?.[1] ?? '').replaceAll(/<[^>]+>/g, '').replaceAll('&amp;', '&')

test('the heading says into what and for whom, with the name of the server and the words of the client in quotes', async () => {
  const { consent, login, signIn, again } = await walk({ resources: [{ url: resource, name: 'Acme Notes & more' }] })
  expect(heading(consent)).toBe('Sign in to Acme Notes & more, to connect “Claude”')
  expect(heading(login)).toBe('Sign in to Acme Notes & more, to connect “Claude”')
  await signIn()
  expect(heading(await again())).toBe('Connect “Claude” to Acme Notes & more')
  for (const page of [consent, login, await again()]) {
    expect(page.match(/<h1>/g)).toHaveLength(1)
    expect(page).toContain(`<p class="where">${resource}</p>`)
    expect(page).toContain('“<bdi class="foreign">Claude</bdi>”')
  }
  expect(consent).toContain('<title>Sign in to Acme Notes &amp; more</title>')
})

test('a server without a name is called by its URL, and a client without one is not quoted', async () => {
  const { consent, login } = await walk({}, '')
  for (const page of [consent, login]) {
    expect(heading(page)).toBe('Sign in to 127.0.0.1:8787/everything/mcp, to connect an application on this computer')
  }
})

test('what a client calls itself stays in its quotes, whatever it is', async () => {
  const { consent } = await walk({}, '” to Acme Bank <b>')
  expect(consent).toContain('“<bdi class="foreign">” to Acme Bank &lt;b&gt;</bdi>”')
})

test('a gateway tells the names of its servers', async () => {
  const setup = setUp({ resources: [] })
  createGateway({
    url: issuer,
    auth: setup.server,
    servers: { '/everything/mcp': { server: () => new Response(), name: 'Everything' } },
    logger: quiet,
  })
  const client = await register(setup)
  const page = await (await setup.call(authorizePath(client.client_id as string, pkce().challenge))).text()
  expect(heading(page)).toBe('Sign in to Everything, to connect “Test client”')
})

test('the login page has a way back to the client', async () => {
  const { login, answer } = await walk()
  expect(login).toMatch(/<button[^>]* value="deny" formnovalidate>Cancel<\/button>/)
  const left = await answer({ decision: 'deny' })
  const location = new URL(left.headers.get('location') ?? '')
  expect(location.href.startsWith(redirectUri)).toBe(true)
  expect(Object.fromEntries(location.searchParams)).toMatchObject({
    error: 'access_denied',
    state: 'some-state',
    iss: issuer,
  })
})

test('the consent page says who runs the server and where to take it back', async () => {
  const foot = async (pages: AuthorizationServerOptions['pages']) =>
    /<footer>([\s\S]*)<\/footer>/.exec((await walk({ pages })).consent)?.[1]
  expect(await foot({})).toContain('ask whoever runs 127.0.0.1:8787.')
  const named = await foot({ name: 'Acme <1>', contact: 'mailto:help@acme.example' })
  expect(named).toContain('To take this back later, ask <a href="mailto:help@acme.example">Acme &lt;1&gt;</a>')
  expect(named).toContain('Run by <a href="mailto:help@acme.example">Acme &lt;1&gt;</a>')
  expect(await foot({ revokeUrl: 'https://acme.example/apps' })).toContain('href="https://acme.example/apps"')
})

test.each([
  ['contact', 'javascript:alert(1)'],
  ['contact', 'help@acme.example'],
  ['revokeUrl', 'http://acme.example/apps'],
  ['revokeUrl', '"><script>'],
])('pages.%s with %j does not start', (name, value) => {
  expect(() => setUp({ pages: { [name]: value } })).toThrow(new RegExp(`pages.${name}.*https URL or a mailto`))
})

test.each([
  ['of what was refused', '/authorize?client_id=unknown', 400],
  ['of an address that takes the answer of a page', '/consent', 405],
  ['of a login that is over', '/login?state=x', 403],
])('an error page %s is a page that has the request id', async (_, path, status) => {
  const lines: object[] = []
  const logger = { ...quiet, info: (fields: object) => void lines.push(fields) }
  const response = await setUp({ logger }).call(path)
  expect([response.status, response.headers.get('content-type')]).toEqual([status, 'text/html; charset=utf-8'])
  const shown = /Request id: ([\w-]+)/.exec(await response.text())?.[1] ?? ''
  expect(shown).toBe(response.headers.get('x-request-id'))
  expect(lines).toContainEqual(expect.objectContaining({ request_id: shown, status }))
})

test('an error of a request that a client has to hear has the request id too', async () => {
  const setup = setUp()
  const client = await register(setup)
  const path = authorizePath(client.client_id as string, pkce().challenge, { response_type: 'token' })
  const response = await setup.call(path)
  expect(await response.text()).toContain(`Request id: ${response.headers.get('x-request-id')}`)
})
