import { toNodeHandler } from '@mcp-gateway/core/node'
import { start } from '@mcp-gateway/example-gateway'
import express from 'express'

const app = express()

await start((gateway) => toNodeHandler(gateway, { next: app }))
