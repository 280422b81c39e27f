export {
  type IoredisClient,
  type NodeRedisClient,
  type RedisStorageOptions,
  redisStorage,
} from './lib/redis/redis-storage.js'
