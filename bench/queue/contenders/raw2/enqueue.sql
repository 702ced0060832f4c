INSERT INTO raw_q (payload) VALUES ('@payload@');
