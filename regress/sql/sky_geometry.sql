-- Geometry against numbers worked out otherwise: wrap at ra = 0, poles, cells that cover their circle.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS astrid;
CREATE EXTENSION IF NOT EXISTS q3c;
CREATE EXTENSION astrid_sky;

SELECT n, round(v.ra::numeric, 6) AS ra, round(v.dec::numeric, 6) AS dec
FROM (VALUES (1, 1.0, 0.0, 0.0), (2, 0, -1, 0), (3, 0, 0, -3), (4, 1, -1e-20, 0), (5, -1, -1, 1.41421356)) AS t (n, x, y, z),
     LATERAL sky.vector_place(x, y, z) AS v ORDER BY n;

-- One degree at the equator: shifted by half, by a fifth, across ra = 0, disjoint, inside; on a pole.
SELECT n, round(sky.overlap(a, b)::numeric, 2) AS part FROM (VALUES
    (1, '{10,0,11,0,11,1,10,1}'::float8[], '{10.5,0,11.5,0,11.5,1,10.5,1}'::float8[]),
    (2, '{10,0,11,0,11,1,10,1}', '{10.8,0,11.8,0,11.8,1,10.8,1}'),
    (3, '{359.5,-0.5,0.5,-0.5,0.5,0.5,359.5,0.5}', '{0,-0.5,1,-0.5,1,0.5,0,0.5}'),
    (4, '{10,0,11,0,11,1,10,1}', '{20,0,21,0,21,1,20,1}'),
    (5, '{10.2,0.2,10.4,0.2,10.4,0.4,10.2,0.4}', '{10,0,11,0,11,1,10,1}'),
    (6, '{0,89,90,89,180,89,270,89}', '{0,88,90,88,180,88,270,88}')) AS t (n, a, b) ORDER BY n;

-- near() is the great circle distance, at places where boxes fail.
SELECT n, sky.near(ra1, dec1, ra2, dec2, 1.0 / 3600) AS near FROM (VALUES
    (1, 0.0001, 0.0, 359.9999, 0.0), (2, 0.0001, 0, 359.9998, 0), (3, 10, 89.9999, 190, 89.99995), (4, 10, 89.9999, 190, 89.9998),
    (5, 120, -60, 120.0005, -60), (6, 120, -60, 120.0006, -60)) AS t (n, ra1, dec1, ra2, dec2) ORDER BY n;

-- Whatever lies within the radius of a place has its own cell among those of the place. 20000 pairs, a third of them
-- next to the poles, to ra = 0 or to a zone's edge; the seed is fixed.
SELECT setseed(0.5);
WITH place AS (
    SELECT CASE WHEN n % 3 = 0 THEN CASE WHEN random() < 0.5 THEN random() * 0.001 ELSE 360 - random() * 0.001 END
                ELSE 360 * random() END AS ra,
           CASE WHEN n % 3 = 1 THEN (CASE WHEN random() < 0.5 THEN -1 ELSE 1 END) * (90 - random() * 1.2)
                WHEN n % 3 = 0 THEN round((random() * 178 - 89)::numeric * 4) / 4 + (random() - 0.5) * 0.001
                ELSE random() * 178 - 89 END AS dec,
           360 * random() AS angle, random() / 3600 AS away
    FROM generate_series(1, 20000) AS n
), pair AS (
    SELECT p.ra, p.dec, q.ra AS ra2, q.dec AS dec2
    FROM place p, LATERAL (SELECT sky.unit_vector(p.ra, p.dec) AS u) AS v,
         LATERAL sky.vector_place(
             u[1] * cosd(away) + sind(away) * (-sind(p.ra) * cosd(angle) - cosd(p.ra) * sind(p.dec) * sind(angle)),
             u[2] * cosd(away) + sind(away) * (cosd(p.ra) * cosd(angle) - sind(p.ra) * sind(p.dec) * sind(angle)),
             u[3] * cosd(away) + sind(away) * cosd(p.dec) * sind(angle)) AS q
)
SELECT count(*) AS pairs,
       count(*) FILTER (WHERE NOT EXISTS (SELECT FROM sky.cells(p.ra, p.dec, 1.0 / 3600) AS c
                                          WHERE c IN (SELECT sky.cells(p.ra2, p.dec2, 0)))) AS not_covered,
       max((SELECT count(*) FROM sky.cells(p.ra, p.dec, 1.0 / 3600))) AS most_cells
FROM pair p;
-- The index serves the search.
INSERT INTO sky.objects (ra, dec) SELECT 360 * random(), random() * 100 - 50 FROM generate_series(1, 5000);
ANALYZE sky.objects;
CREATE FUNCTION pg_temp.uses_index(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
        IF line LIKE '%objects_sky%' THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END $$;
SELECT pg_temp.uses_index('SELECT * FROM sky.objects t WHERE sky.near(10, 20, t.ra, t.dec, 0.001)');
DROP EXTENSION astrid_sky;
