import { expect, test } from 'vitest'
import type { Context, Middleware } from '../contract/handler.js'
import { compose } from './compose.js'

const request = new Request('https://mcp.example.com/mcp')

/** Middleware that writes down when a request and its response pass. */
const layer =
  (name: string, seen: string[]): Middleware =>
  async (request, context, next) => {
    seen.push(`${name} in`)
    const response = await next(request, context)
    seen.push(`${name} out`)
    return response
  }

test('the first middleware is outermost', async () => {
  const seen: string[] = []
  const handler = compose([layer('a', seen), layer('b', seen)], () => {
    seen.push('handler')
    return new Response('ok')
  })
  expect(await (await handler(request, {})).text()).toBe('ok')
  expect(seen).toEqual(['a in', 'b in', 'handler', 'b out', 'a out'])
})

test('what a middleware passes on is what the next one gets, and nothing else changes', async () => {
  const outer: Context = { requestId: 'r' }
  const contexts: Context[] = []
  const name: Middleware = (request, context, next) => next(request, { ...context, resource: 'https://a.example' })
  const look: Middleware = (_request, context, next) => {
    contexts.push(context)
    return next(new Request('https://b.example/'), context)
  }
  const handler = compose([name, look], (request) => new Response(request.url))
  expect(await (await handler(request, outer)).text()).toBe('https://b.example/')
  expect(contexts).toEqual([{ requestId: 'r', resource: 'https://a.example' }])
  expect(outer).toEqual({ requestId: 'r' })
})

test('a middleware that answers itself lets nothing through', async () => {
  const handler = compose([() => new Response(null, { status: 401 }), layer('b', [])], () => {
    throw new Error('was reached')
  })
  expect((await handler(request, {})).status).toBe(401)
})

test('requests at the same time do not meet, and a middleware may call the next one twice', async () => {
  const twice: Middleware = async (request, context, next) => {
    await next(request, context)
    return next(request, context)
  }
  let calls = 0
  const handler = compose([twice], async (_request, { requestId }) => {
    calls++
    await Promise.resolve()
    return new Response(requestId)
  })
  const answers = await Promise.all(['a', 'b'].map(async (requestId) => (await handler(request, { requestId })).text()))
  expect([answers, calls]).toEqual([['a', 'b'], 4])
})

test('without middleware the handler is called as it is, and what it throws comes out', async () => {
  const handler = () => new Response()
  expect(compose([], handler)).toBe(handler)
  const failing = compose([layer('a', [])], () => {
    throw new Error('broken')
  })
  await expect((async () => failing(request, {}))()).rejects.toThrow('broken')
})
