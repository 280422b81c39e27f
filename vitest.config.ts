import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['@mcp-gateway/source'] },
  ssr: { resolve: { conditions: ['@mcp-gateway/source', 'node'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'examples/*/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/.next/**'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    unstubGlobals: true,
    restoreMocks: true,
  },
})
